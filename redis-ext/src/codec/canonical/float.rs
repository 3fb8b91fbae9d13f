//! Floats as Python's `repr` spells them: the shortest digits that name the double, with a point, and an exponent where
//! the number is very large or small.
//!
//! Where two shortest numbers are equally near (1000000000000000.25), Python takes the one with the even last digit. So
//! does zmij, which serde_json uses too; the standard library takes the larger.

use std::fmt::Write as _;

use super::Error;

/// Appends `value` to `out`.
pub(super) fn write_f64(value: f64, out: &mut String) -> Result<(), Error> {
    if !value.is_finite() {
        return Err(Error::NotFinite(value));
    }
    write_shortest(zmij::Buffer::new().format_finite(value), out)
}

/// Appends the double that has the shortest digits of `value`.
pub(super) fn write_f32(value: f32, out: &mut String) -> Result<(), Error> {
    if !value.is_finite() {
        return Err(Error::NotFinite(value.into()));
    }
    write_shortest(zmij::Buffer::new().format_finite(value), out)
}

/// Appends the double that `number` names.
pub(super) fn write_text(number: &str, out: &mut String) -> Result<(), Error> {
    let value = number.parse().map_err(|error| Error::number(number, error))?;
    write_f64(value, out)
}

/// Appends a number whose digits are the shortest already.
fn write_shortest(number: &str, out: &mut String) -> Result<(), Error> {
    let (sign, magnitude) = number.strip_prefix('-').map_or(("", number), |magnitude| ("-", magnitude));
    let (mantissa, exponent) = magnitude.split_once('e').unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().map_err(|error| Error::number(number, error))?;
    let with_zeros = [whole, fraction].concat();
    let digits = with_zeros.trim_start_matches('0');
    let leading_zeros = with_zeros.len() - digits.len();
    let exponent_of_first = exponent + whole.len() as i32 - 1 - leading_zeros as i32;
    out.push_str(sign);
    layout(digits.trim_end_matches('0'), exponent_of_first, out)
}

/// Appends digits, the first of which stands for so many tens, as `repr` does: it changes to exponents where the decimal
/// exponent is below -4 or above 15.
fn layout(digits: &str, exponent: i32, out: &mut String) -> Result<(), Error> {
    let tens = exponent.unsigned_abs() as usize;
    match exponent {
        _ if digits.is_empty() => out.push_str("0.0"),
        -4..=-1 => write!(out, "0.{:0<zeros$}{digits}", "", zeros = tens - 1)?,
        0..=15 => {
            let (whole, fraction) = digits.split_at(digits.len().min(tens + 1));
            let fraction = if fraction.is_empty() { "0" } else { fraction };
            write!(out, "{whole:0<places$}.{fraction}", places = tens + 1)?;
        }
        _ => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(out, "{first}{point}{rest}e{sign}{tens:02}")?;
        }
    }
    Ok(())
}
