//! What comes in: the fields of a form or of a query, and the address of a request.

/// The fields of `application/x-www-form-urlencoded` text, in their order; `None` if it is not such text.
pub fn fields(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// One name or value: `+` is a space, `%XX` a byte.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok().filter(|_| hex(digits))?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digits: [u8; 2]) -> bool {
    digits.iter().all(u8::is_ascii_hexdigit)
}

/// The address itself, if this server gave it: nothing else is ever fetched.
pub fn own_request(base: &str, request_uri: &str) -> Option<String> {
    let request_uri = request_uri.trim();
    let id = request_uri.strip_prefix(base)?.strip_prefix("/v1/requests/")?;
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (id.len() == 32 && id.bytes().all(digit)).then(|| request_uri.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_or_refused() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            fields("request_uri=http%3A%2f%2Flocalhost%3a8444&scanned=on&x=a+b&&y"),
            Some(vec![
                pair("request_uri", "http://localhost:8444"),
                pair("scanned", "on"),
                pair("x", "a b"),
                pair("y", "")
            ])
        );
        for broken in ["a=%", "a=%4", "a=%+1", "a=%zz", "a=%ff"] {
            assert_eq!(fields(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_own_addresses_are_fetched() {
        let base = "http://localhost:8444";
        let id = "0123456789abcdef0123456789abcdef";
        assert!(own_request(base, &format!(" {base}/v1/requests/{id}\n")).is_some());
        for foreign in [
            format!("http://localhost:84440/v1/requests/{id}"),
            format!("http://localhost:8444@evil.example/v1/requests/{id}"),
            format!("http://127.0.0.1:8444/v1/requests/{id}"),
            format!("https://localhost:8444/v1/requests/{id}"),
            format!("{base}/v1/requests/{id}/result"),
            format!("{base}/v1/requests/{id}?x"),
            format!("{base}/v1/requests/{}", id.to_uppercase()),
            format!("{base}/v1/requests/../../{id}"),
            String::new(),
        ] {
            assert_eq!(own_request(base, &foreign), None, "{foreign}");
        }
    }
}
