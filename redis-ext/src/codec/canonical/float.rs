//! Floats as Python's `repr` spells them: the shortest digits that name the double, with a point, and an exponent where
//! the number is very large or small.

use std::{fmt::Write as _, ops::Range};

use super::Error;

/// The magnitudes, besides zero, that are written without an exponent: `float_repr_style` "short" of CPython changes at
/// the decimal exponents -4 and 16.
const WITHOUT_EXPONENT: Range<f64> = 1e-4..1e16;

/// Appends `value` to `out`.
pub(super) fn write_f64(value: f64, out: &mut String) -> Result<(), Error> {
    if !value.is_finite() {
        return Err(Error::NotFinite(value));
    }
    if value == 0.0 || WITHOUT_EXPONENT.contains(&value.abs()) {
        let point = if value.fract() == 0.0 { ".0" } else { "" };
        write!(out, "{value}{point}")?;
        return Ok(());
    }
    let start = out.len();
    write!(out, "{value:e}")?;
    // From `1.5e-7` to `1.5e-07`, and from `1e16` to `1e+16`.
    if let Some(mark) = out[start..].find('e') {
        let exponent = out.split_off(start + mark + 1);
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', &*exponent), |digits| ('-', digits));
        write!(out, "{sign}{digits:0>2}")?;
    }
    Ok(())
}

/// Appends the double that has the shortest digits of `value`.
pub(super) fn write_f32(value: f32, out: &mut String) -> Result<(), Error> {
    write_text(&value.to_string(), out)
}

/// Appends the double that `digits` name.
pub(super) fn write_text(digits: &str, out: &mut String) -> Result<(), Error> {
    let value = digits.parse().map_err(|error| Error::Number(digits.to_owned(), error))?;
    write_f64(value, out)
}
