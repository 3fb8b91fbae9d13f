//! As much of Redis's protocol as it takes to tell where a request or a reply ends, and what a request asks for.

/// The length of the first whole frame of `bytes`; nothing while some of it is still to come.
pub(super) fn frame_length(bytes: &[u8]) -> Option<usize> {
    let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let number = || std::str::from_utf8(&bytes[1..line_end - 2]).ok()?.parse::<i64>().ok();
    let values = match bytes[0] {
        b'$' | b'=' | b'!' => {
            let end = match usize::try_from(number()?) {
                Ok(length) => line_end + length + 2,
                Err(_null) => line_end,
            };
            return (bytes.len() >= end).then_some(end);
        }
        b'*' | b'~' | b'>' => number()?,
        b'%' => 2 * number()?,
        // Attributes stand before the value that they belong to.
        b'|' => 2 * number()? + 1,
        _ => 0,
    };
    (0..values).try_fold(line_end, |end, _| Some(end + frame_length(&bytes[end..])?))
}

/// Whether a frame came unasked rather than in reply to a request.
pub(super) fn is_push(frame: &[u8]) -> bool {
    frame.first() == Some(&b'>')
}

/// The texts within a request, or the one within a reply of a single text.
pub(super) fn texts(frame: &[u8]) -> Vec<&[u8]> {
    let mut texts = Vec::new();
    let mut rest = frame;
    while let Some(line_end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let body = &rest[line_end + 2..];
        let length = match rest[0] {
            b'$' => std::str::from_utf8(&rest[1..line_end]).ok().and_then(|length| length.parse().ok()),
            _ => None,
        };
        rest = match length {
            Some(length) if body.len() >= length + 2 => {
                texts.push(&body[..length]);
                &body[length + 2..]
            }
            _ => body,
        };
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_only_with_its_last_byte() {
        for frame in [
            "+OK\r\n",
            "-ERR no\r\n",
            "$3\r\na\r\n\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "_\r\n",
            "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
            "%1\r\n+a\r\n$2\r\nbc\r\n",
            "|1\r\n+a\r\n+b\r\n:7\r\n",
            ">2\r\n+invalidate\r\n_\r\n",
        ] {
            let bytes = frame.as_bytes();
            for end in 0..bytes.len() {
                assert_eq!(frame_length(&bytes[..end]), None, "{frame:?} up to {end}");
            }
            let twice = [bytes, bytes].concat();
            assert_eq!(frame_length(&twice), Some(bytes.len()), "{frame:?}");
        }
    }

    #[test]
    fn a_requests_texts_may_hold_any_bytes() {
        assert_eq!(texts(b"*3\r\n$3\r\nSET\r\n$4\r\n$1\r\n\r\n$0\r\n\r\n"), [&b"SET"[..], b"$1\r\n", b""]);
        assert_eq!(texts(b"$2\r\nab\r\n"), [b"ab"]);
    }
}
