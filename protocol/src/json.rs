//! Strict JSON (contract §1): unknown, repeated or missing members, trailing data and arrays in the
//! place of objects are refused, so that two readers can never understand one text differently.
//!
//! serde's derived readers accept a struct written as an array, an enum written as an object and an
//! optional member written as `null`. The helpers here close each of these.

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// A text that is not the JSON that was expected; the message says what and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub String);

/// Reads exactly one JSON object as a `T` (derive `Deserialize` with `deny_unknown_fields`).
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    // Of members that are passed over, serde_json would not look at the encoding.
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError(e.to_string()))?;
    let mut de = serde_json::Deserializer::from_str(text);
    let value = object(&mut de).map_err(|e| JsonError(e.to_string()))?;
    de.end().map_err(|e| JsonError(e.to_string()))?;
    Ok(value)
}

/// `deserialize_with` for a nested struct: only a JSON object will do.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    struct OnlyMap<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMap<T> {
        type Value = T;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    d.deserialize_map(OnlyMap(PhantomData))
}

/// `deserialize_with` (together with `default`) for a member that may be absent but never `null`.
pub fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// Like [`some`], for nested structs.
pub fn some_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    object(d).map(Some)
}

/// `deserialize_with` for a member that must be there and may be `null`.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    Option::<T>::deserialize(d)
}

/// Like [`nullable`], for nested structs.
pub fn nullable_object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    let value = Option::<OnlyObject<T>>::deserialize(d)?;
    Ok(value.map(|one| one.0))
}

/// `deserialize_with` for a list of structs: each an object.
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Vec<T>, D::Error> {
    let values = Vec::<OnlyObject<T>>::deserialize(d)?;
    Ok(values.into_iter().map(|one| one.0).collect())
}

/// A struct that is read from an object and from nothing else.
struct OnlyObject<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OnlyObject<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        object(d).map(OnlyObject)
    }
}

/// `deserialize_with` for the member `v`: only the number 1.
pub fn version_1<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
    match u32::deserialize(d)? {
        1 => Ok(1),
        other => Err(serde::de::Error::custom(format!("version {other}, expected 1"))),
    }
}

/// A map with text keys in which no key stands twice.
pub fn unique_map<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    d: D,
) -> Result<std::collections::BTreeMap<String, T>, D::Error> {
    struct Unique<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Unique<T> {
        type Value = std::collections::BTreeMap<String, T>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut out = Self::Value::new();
            while let Some((key, value)) = map.next_entry::<String, T>()? {
                if out.insert(key.clone(), value).is_some() {
                    return Err(serde::de::Error::custom(format!("member `{key}` stands twice")));
                }
            }
            Ok(out)
        }
    }
    d.deserialize_map(Unique(PhantomData))
}

/// Writes compact JSON.
pub fn to_string<T: Serialize>(value: &T) -> String {
    // Every type of this crate has text keys and no failing serializer, the two causes of errors.
    serde_json::to_string(value).unwrap_or_default()
}

/// Writes the canonical form of RFC 8785 (JCS).
pub fn to_jcs<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap_or_default()
}

/// Serde form of bytes as base64url without padding (contract §1), canonical encodings only.
pub mod base64url {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Text to bytes; refuses padding, other alphabets and stray trailing bits.
    pub fn decode(text: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }

    /// Bytes to text.
    pub fn encode(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Writes the text form.
    pub fn serialize<S: Serializer, B: AsRef<[u8]>>(bytes: &B, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&encode(bytes.as_ref()))
    }

    /// Reads exactly `N` bytes.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(d: D) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(d)?;
        let bytes = decode(&text).and_then(|b| <[u8; N]>::try_from(b).ok());
        bytes.ok_or_else(|| {
            serde::de::Error::custom(format!("expected {N} bytes in base64url without padding"))
        })
    }
}

/// Serde form of 32 bytes as 64 lower-case hex digits.
pub mod hex32 {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes 64 hex digits.
    pub fn serialize<S: Serializer>(bytes: &[u8; 32], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(bytes))
    }

    /// Reads 64 lower-case hex digits.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<[u8; 32], D::Error> {
        crate::field::hex32(&String::deserialize(d)?)
            .ok_or_else(|| serde::de::Error::custom("expected 64 lower-case hex digits"))
    }
}

/// Implements serde for a type through its `Display` and `FromStr`: a JSON string and nothing else.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use serde_as_text;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        a: u8,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(deserialize_with = "version_1")]
        v: u32,
        #[serde(deserialize_with = "object")]
        inner: Inner,
        #[serde(default, deserialize_with = "some_object")]
        more: Option<Inner>,
        #[serde(deserialize_with = "nullable")]
        end: Option<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Lists {
        #[serde(deserialize_with = "objects")]
        list: Vec<Inner>,
        #[serde(deserialize_with = "nullable_object")]
        one: Option<Inner>,
    }

    #[test]
    fn lists_hold_objects() {
        let read = |text: &str| parse::<Lists>(text.as_bytes()).ok();
        let inner = || Inner { a: 2 };
        assert_eq!(
            read(r#"{"list":[{"a":2},{"a":2}],"one":null}"#),
            Some(Lists { list: vec![inner(), inner()], one: None })
        );
        assert_eq!(read(r#"{"list":[],"one":{"a":2}}"#), Some(Lists { list: vec![], one: Some(inner()) }));
        for bad in [
            r#"{"list":[[2]],"one":null}"#,
            r#"{"list":null,"one":null}"#,
            r#"{"list":{},"one":null}"#,
            r#"{"list":[],"one":[2]}"#,
            r#"{"list":[]}"#,
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_reading_only() {
        let good = br#" {"v":1,"inner":{"a":2},"end":null} "#;
        assert_eq!(
            parse::<Outer>(good).unwrap(),
            Outer { v: 1, inner: Inner { a: 2 }, more: None, end: None }
        );
        for bad in [
            r#"{"v":2,"inner":{"a":2},"end":null}"#,
            r#"{"v":1,"inner":[2],"end":null}"#,
            r#"[1,{"a":2},null]"#,
            r#"{"v":1,"inner":{"a":2}}"#,
            r#"{"v":1,"inner":{"a":2},"end":null,"x":0}"#,
            r#"{"v":1,"inner":{"a":2,"a":2},"end":null}"#,
            r#"{"v":1,"v":1,"inner":{"a":2},"end":null}"#,
            r#"{"v":1,"inner":{"a":2},"more":null,"end":null}"#,
            r#"{"v":1,"inner":{"a":256},"end":null}"#,
            r#"{"v":1,"inner":{"a":2.0},"end":null}"#,
            r#"{"v":1,"inner":{"a":2},"end":null}x"#,
            r#"{"v":1,"inner":{"a":2},"end":null}{}"#,
            "",
        ] {
            assert!(parse::<Outer>(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    /// Found by fuzzing: a text that is not UTF-8 is no JSON, also where nobody looks.
    #[test]
    fn all_of_it_is_text() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Part {
            a: u8,
        }
        assert_eq!(parse::<Part>(br#"{"a":1,"b":"x"}"#), Ok(Part { a: 1 }));
        assert!(parse::<Part>(b"{\"a\":1,\"b\":\"\xff\"}").is_err());
    }

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(base64url::decode("AAE"), Some(vec![0, 1]));
        for bad in ["AAE=", "AAF", "AA/E", "A", "AA E"] {
            assert_eq!(base64url::decode(bad), None, "{bad}");
        }
    }
}
