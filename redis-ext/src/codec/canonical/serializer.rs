//! serde's view of the [`Writer`]: which tokens a value is made of, the same as in serde_json.

use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};

use super::{
    Error,
    key::KeySerializer,
    reader,
    writer::{Array, Object, Writer},
};

/// The struct as which serde_json passes its raw values on: one field of the same name with the JSON text.
const RAW_VALUE: &str = "$serde_json::private::RawValue";
/// The struct as which it passes numbers on when its feature `arbitrary_precision` is on: one field with the digits.
const NUMBER: &str = "$serde_json::private::Number";

/// The elements of a sequence or a tuple.
pub(super) struct Elements<'a> {
    writer: &'a mut Writer,
    array: Array,
    /// The object around a variant's content.
    variant: Option<Object>,
}

/// The entries of a map or a struct.
pub(super) struct Entries<'a> {
    writer: &'a mut Writer,
    object: Object,
    /// The object around a variant's content.
    variant: Option<Object>,
}

/// The fields of a struct, or the single field that stands for some JSON text.
pub(super) enum Fields<'a> {
    Entries(Entries<'a>),
    Json(&'a mut Writer),
}

impl Writer {
    /// Begins the object around a variant's content.
    fn begin_variant(&mut self, name: &str) -> Result<Object, Error> {
        let object = self.begin_object();
        self.str_key(&object, name)?;
        Ok(object)
    }

    fn elements(&mut self, variant: Option<Object>) -> Elements<'_> {
        let array = self.begin_array();
        Elements { writer: self, array, variant }
    }

    fn entries(&mut self, variant: Option<Object>) -> Entries<'_> {
        let object = self.begin_object();
        Entries { writer: self, object, variant }
    }
}

/// The methods for types that are literals as they display themselves.
macro_rules! literals {
    ($($method:ident($value:ty),)*) => {$(
        fn $method(self, value: $value) -> Result<(), Error> {
            self.literal(value)
        }
    )*};
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Elements<'a>;
    type SerializeTupleVariant = Elements<'a>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Entries<'a>;

    literals! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.f32(value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.f64(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.literal("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let object = self.begin_variant(variant)?;
        value.serialize(&mut *self)?;
        self.end_object(&object);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, Error> {
        Ok(self.elements(None))
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, Error> {
        Ok(self.elements(None))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements<'a>, Error> {
        Ok(self.elements(None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'a>, Error> {
        let variant = self.begin_variant(variant)?;
        Ok(self.elements(Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Error> {
        Ok(self.entries(None))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields<'a>, Error> {
        Ok(match name {
            RAW_VALUE | NUMBER => Fields::Json(self),
            _ => Fields::Entries(self.entries(None)),
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries<'a>, Error> {
        let variant = self.begin_variant(variant)?;
        Ok(self.entries(Some(variant)))
    }
}

impl Elements<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.element(&mut self.array);
        value.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.end_array();
        if let Some(variant) = self.variant {
            self.writer.end_object(&variant);
        }
    }
}

impl Entries<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        self.writer.str_key(&self.object, name)?;
        value.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.end_object(&self.object);
        if let Some(variant) = self.variant {
            self.writer.end_object(&variant);
        }
    }
}

/// The four traits for elements differ in their method's name alone.
macro_rules! elements {
    ($($trait:ident::$method:ident,)*) => {$(
        impl $trait for Elements<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.writer.key(&self.object, |out| key.serialize(KeySerializer(out)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.finish();
        Ok(())
    }
}

impl SerializeStructVariant for Entries<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<(), Error> {
        self.finish();
        Ok(())
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        match self {
            Self::Entries(entries) => entries.field(name, value),
            Self::Json(writer) => {
                let mut json = String::new();
                value.serialize(KeySerializer(&mut json))?;
                reader::copy(serde_json::from_str(&json)?, writer)
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        if let Self::Entries(entries) = self {
            entries.finish();
        }
        Ok(())
    }
}
