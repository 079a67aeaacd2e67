//! Escaping for where a string goes: JSON that is safe in scripts and html as well, and single-quoted script strings.
//! Knows nothing of messages.

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What becomes of each byte inside a JSON string: 0 stays, `u` becomes `\u00xx`, 0xe2 needs a look at what follows,
/// anything else is the letter behind a backslash.
const JSON: [u8; 256] = {
    let mut table = [0; 256];
    let mut c = 0;
    while c < 0x20 {
        table[c] = b'u';
        c += 1;
    }
    table[0x08] = b'b';
    table[0x0c] = b'f';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    // Harmless in JSON, but not in html and scripts, and every JSON parser undoes it.
    table[b'<' as usize] = b'u';
    table[b'>' as usize] = b'u';
    table[b'&' as usize] = b'u';
    table[0x7f] = b'u';
    table[0xe2] = 0xe2;
    table
};

/// Appends `text` as the inside of a JSON string (RFC 8259, section 7) that is also safe inside a `<script>` element
/// and as JavaScript source: `<`, `>`, `&`, U+2028 and U+2029 go as `\u....`.
pub fn json(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let (mut clean, mut looked) = (0, 0);
    while let Some(ahead) = bytes[looked..].iter().position(|&c| JSON[usize::from(c)] != 0) {
        let i = looked + ahead;
        looked = i + 1;
        let c = bytes[i];
        let escape = JSON[usize::from(c)];
        if escape == 0xe2 {
            // U+2028 and U+2029 are e2 80 a8 and e2 80 a9: line ends in scripts of before 2019.
            if let Some(&[0x80, end @ (0xa8 | 0xa9)]) = bytes.get(i + 1..i + 3) {
                out.extend_from_slice(&bytes[clean..i]);
                out.extend_from_slice(if end == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                clean = i + 3;
            }
            continue;
        }
        out.extend_from_slice(&bytes[clean..i]);
        clean = i + 1;
        match escape {
            b'u' => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[(c >> 4) as usize],
                HEX[(c & 15) as usize],
            ]),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
    }
    out.extend_from_slice(&bytes[clean..]);
}

/// Appends `text` as the inside of a JSON string in printable ASCII, as Python's `json` writes it: everything else goes
/// as `\u....`, in surrogate pairs beyond U+FFFF. So nothing in it can end a line of a script. With `in_comment`, nothing
/// can end a comment around it either.
pub fn ascii_json(text: &str, in_comment: bool, out: &mut Vec<u8>) {
    let mut before = '\0';
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            '/' if in_comment && before == '*' => out.extend_from_slice(b"\\/"),
            ' '..='~' => out.push(c as u8),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\x08' => out.extend_from_slice(b"\\b"),
            '\x0c' => out.extend_from_slice(b"\\f"),
            _ => {
                for &mut unit in c.encode_utf16(&mut [0; 2]) {
                    let nibble = |shift: u16| HEX[usize::from(unit >> shift & 15)];
                    out.extend_from_slice(&[b'\\', b'u', nibble(12), nibble(8), nibble(4), nibble(0)]);
                }
            }
        }
        before = c;
    }
}

/// Appends `text` as the inside of a single-quoted JavaScript string. Line ends, U+2028 and U+2029, and `</` cannot
/// end the string or the script around it.
pub fn single_quoted(text: &[u8], out: &mut Vec<u8>) {
    for (i, &c) in text.iter().enumerate() {
        match c {
            b'\\' | b'\'' => out.extend_from_slice(&[b'\\', c]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'<' => out.extend_from_slice(b"\\x3c"),
            0xe2 if matches!(text.get(i + 1..i + 3), Some([0x80, 0xa8])) => out.extend_from_slice(b"\\u2028"),
            0xe2 if matches!(text.get(i + 1..i + 3), Some([0x80, 0xa9])) => out.extend_from_slice(b"\\u2029"),
            // The two bytes that belong to the line end written above.
            0x80 if is_line_end(text, i, 1) => {}
            0xa8 | 0xa9 if is_line_end(text, i, 2) => {}
            _ => out.push(c),
        }
    }
}

fn is_line_end(text: &[u8], at: usize, back: usize) -> bool {
    at >= back && matches!(text.get(at - back..at - back + 3), Some([0xe2, 0x80, 0xa8 | 0xa9]))
}

/// Appends `text` as character data or a quoted attribute of html.
pub fn html(text: &str, out: &mut Vec<u8>) {
    for &c in text.as_bytes() {
        match c {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            _ => out.push(c),
        }
    }
}

/// Whether `name` may be called in a JSONP answer: letters, digits, `_ $ . [ ]`, not beginning with a digit or a dot.
pub fn is_callback(name: &[u8]) -> bool {
    let [first, rest @ ..] = name else { return false };
    (first.is_ascii_alphabetic() || matches!(first, b'_' | b'$'))
        && rest.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$' | b'.' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &str) -> String {
        let mut out = Vec::new();
        json(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_breaks_out_is_escaped() {
        assert_eq!(escaped("a\"b\\c"), "a\\\"b\\\\c");
        assert_eq!(escaped("\0\t\n\r\x08\x0c\x1f\x7f"), "\\u0000\\t\\n\\r\\b\\f\\u001f\\u007f");
        assert_eq!(escaped("</script>&"), "\\u003c/script\\u003e\\u0026");
        assert_eq!(escaped("\u{2027}\u{2028}\u{2029}\u{202a}"), "\u{2027}\\u2028\\u2029\u{202a}");
        assert_eq!(escaped("wörld 你好 😀"), "wörld 你好 😀");
    }

    #[test]
    fn every_character_of_unicode_arrives() {
        for c in '\0'..=char::MAX {
            let text = format!("a{c}b");
            let back: String = serde_json::from_str(&format!("\"{}\"", escaped(&text))).unwrap();
            assert_eq!(back, text);
        }
    }

    /// What a JavaScript engine makes of the inside of a single-quoted string.
    fn script_string(source: &str) -> String {
        let mut out = String::new();
        let mut chars = source.chars();
        while let Some(c) = chars.next() {
            assert!(!matches!(c, '\'' | '\n' | '\r' | '\u{2028}' | '\u{2029}'), "the string ends early");
            if c != '\\' {
                out.push(c);
                continue;
            }
            match chars.next().unwrap() {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                'x' => {
                    let hex: String = chars.by_ref().take(2).collect();
                    out.push(char::from(u8::from_str_radix(&hex, 16).unwrap()));
                }
                'u' => {
                    let hex: String = chars.by_ref().take(4).collect();
                    out.push(char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap());
                }
                other => out.push(other),
            }
        }
        out
    }

    proptest! {
        #[test]
        fn json_of_anything_reads_back(text in any::<String>()) {
            let out = escaped(&text);
            let breaks_out = |c: char| c == '<' || c == '\u{2028}' || c.is_ascii_control();
            prop_assert!(!out.contains(breaks_out));
            let back: String = serde_json::from_str(&format!("\"{out}\"")).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn script_strings_of_anything_read_back(text in any::<String>()) {
            let mut out = Vec::new();
            single_quoted(text.as_bytes(), &mut out);
            let out = String::from_utf8(out).unwrap();
            prop_assert!(!out.contains("</"));
            prop_assert_eq!(script_string(&out), text);
        }
    }

    #[test]
    fn script_strings_know_line_ends() {
        let mut out = Vec::new();
        single_quoted("it's \u{2028}\u{2029}\\ </script> \u{20ac}".as_bytes(), &mut out);
        assert_eq!(
            script_string(std::str::from_utf8(&out).unwrap()),
            "it's \u{2028}\u{2029}\\ </script> \u{20ac}"
        );
    }

    #[test]
    fn ascii_is_enough_for_everything() {
        let written = |text: &str, in_comment| {
            let mut out = Vec::new();
            ascii_json(text, in_comment, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written("caf\u{e9} \u{20ac} \u{1f600}\x7f\u{2028}", false),
            "caf\\u00e9 \\u20ac \\ud83d\\ude00\\u007f\\u2028"
        );
        assert_eq!(written("\n\r\t\x08\x0c\"\\/\0", false), "\\n\\r\\t\\b\\f\\\"\\\\/\\u0000");
        assert_eq!((written("*/", false), written("**/ /", true)), ("*/".into(), "**\\/ /".into()));
        for c in '\0'..=char::MAX {
            let text = format!("*{c}/*/");
            let out = written(&text, true);
            assert!(out.bytes().all(|c| (b' '..=b'~').contains(&c)) && !out.contains("*/"), "{out}");
            assert_eq!(serde_json::from_str::<String>(&format!("\"{out}\"")).unwrap(), text);
        }
    }

    #[test]
    fn callbacks_are_names_and_nothing_else() {
        for good in
            ["f", "icomet_cb_0", "jQuery19108_1700000000001", "parent.icomet_cb", "$", "a[0]", "a.b.c"]
        {
            assert!(is_callback(good.as_bytes()), "{good}");
        }
        for bad in ["", "1f", ".f", "[f", "f(", "f;alert(1)//", "f g", "f\n", "é", "f<", "f'"] {
            assert!(!is_callback(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn html_is_escaped() {
        let mut out = Vec::new();
        html("<a href=\"x\">'&", &mut out);
        assert_eq!(out, b"&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
