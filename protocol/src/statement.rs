//! The public inputs of `attest-v1`. Only this file orders them.

use crate::day::{NO_EXPIRY, birth_limit};
use crate::field::Fr;
use crate::predicates::ThresholdNotAllowed;
use crate::request::{PolicyError, Request};

/// Number of public inputs.
pub const INPUTS: usize = 14;

macro_rules! statement {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What a proof of `attest-v1` states: 14 field elements, in the order of protocol.md.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Statement { $($(#[$doc])* pub $name: Fr),+ }

        /// What is proven, as the public inputs of its circuit.
pub trait PublicInputs {
    /// The inputs in the order of their wires, the constant one not among them.
    fn public_inputs(&self) -> Vec<Fr>;
}

impl PublicInputs for Statement {
    fn public_inputs(&self) -> Vec<Fr> {
        self.to_array().to_vec()
    }
}

impl PublicInputs for Vec<Fr> {
    fn public_inputs(&self) -> Vec<Fr> {
        self.clone()
    }
}

impl Statement {
            /// Names of the public inputs, in their order.
            pub const NAMES: [&'static str; INPUTS] = [$(stringify!($name)),+];

            /// The public inputs in their order.
            pub fn to_array(&self) -> [Fr; INPUTS] {
                [$(self.$name),+]
            }

            /// From public inputs in their order; any field elements.
            pub fn from_array(inputs: [Fr; INPUTS]) -> Statement {
                let [$($name),+] = inputs;
                Statement { $($name),+ }
            }
        }
    };
}

statement! {
    /// Root of an accepted epoch.
    root,
    /// Scope of the pseudonym.
    scope,
    /// The pseudonym `H_3(k, scope, slot)`.
    pseudonym,
    /// Number of slots; the slot itself is hidden.
    slots,
    /// The day for which everything holds.
    valid_on,
    /// Earliest birth date; 0 = not asked.
    born_on_or_after,
    /// Latest birth date; 262143 = not asked.
    born_on_or_before,
    /// Latest enrolment; 262143 = not asked.
    enrolled_on_or_before,
    /// Most earlier identity commitments; 255 = not asked.
    generation_at_most,
    /// 4-bit set, bit i = sex i; 15 = not asked.
    sexes,
    /// 16-bit set, bit i = class i; 65535 = not asked.
    document_classes,
    /// ISO 3166-1 numeric; 0 = not asked.
    nationality,
    /// First two digits of GB/T 2260; 0 = not asked.
    province,
    /// Hash of the transport's handover (S14).
    challenge,
}

impl Statement {
    /// The statement that answers a request. It needs the forms of contract §2 only; whoever has not
    /// made the request himself calls [`Request::check`] first.
    pub fn for_request(request: &Request, root: Fr, pseudonym: Fr) -> Result<Statement, PolicyError> {
        let p = &request.predicates;
        let limit = |age: u32| {
            birth_limit(request.valid_on, age).ok_or(PolicyError::Threshold(ThresholdNotAllowed("age")))
        };
        let at_least = p.age.and_then(|a| a.at_least).map(limit).transpose()?;
        let below = p.age.and_then(|a| a.below).map(limit).transpose()?;
        Ok(Statement {
            root,
            scope: request.scope()?,
            pseudonym,
            slots: Fr::from(request.slots),
            valid_on: Fr::from(request.valid_on.number()),
            born_on_or_after: Fr::from(below.map_or(0, |day| day.number() + 1)),
            born_on_or_before: Fr::from(at_least.map_or(NO_EXPIRY, |day| day.number())),
            enrolled_on_or_before: Fr::from(p.enrolled_on_or_before.map_or(NO_EXPIRY, |day| day.number())),
            generation_at_most: Fr::from(p.generation_at_most.unwrap_or(255)),
            sexes: Fr::from(p.sex.map_or(15, |sex| 1u8 << sex.number())),
            document_classes: Fr::from(p.documents.map_or(u16::MAX, |group| group.set())),
            nationality: Fr::from(p.nationality.unwrap_or(0)),
            province: Fr::from(p.province.unwrap_or(0)),
            challenge: request.challenge(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::to_hex;
    use crate::request::tests::EXAMPLE;

    fn inputs(predicates: &str) -> Vec<u64> {
        let text = EXAMPLE
            .replace(r#"{"valid":true,"age":{"at_least":18}}"#, predicates)
            .replace("\"none\",\"slots\":65536,\"period\":82870", "\"account\",\"slots\":1,\"period\":0");
        let request = Request::from_json(text.as_bytes()).unwrap();
        let s = Statement::for_request(&request, Fr::from(1u64), Fr::from(2u64)).unwrap();
        assert_eq!(Statement::from_array(s.to_array()), s);
        assert_eq!(to_hex(&s.scope), "000fcf9cd81f530772fbf6811ff6306c263649096eec9c411728a4756169887f");
        assert_eq!(s.challenge, request.challenge());
        s.to_array()[3..13].iter().map(|x| crate::field::to_u64(x).unwrap()).collect()
    }

    /// The public inputs of contract §3.
    #[test]
    fn known_inputs() {
        assert_eq!(
            inputs(r#"{"valid":true,"age":{"at_least":18}}"#),
            [1, 82870, 0, 76296, 262143, 255, 15, 65535, 0, 0]
        );
    }

    #[test]
    fn every_predicate_has_its_place() {
        assert_eq!(
            inputs(
                r#"{"valid":true,"age":{"at_least":18,"below":60},"sex":"female","documents":"compatriot","nationality":156,"province":44,"enrolled_on_or_before":"2026-01-01","generation_at_most":0}"#
            ),
            [1, 82870, 60956, 76296, 82545, 0, 4, 0b1110_0000, 156, 44]
        );
        assert_eq!(Statement::NAMES[0], "root");
        assert_eq!(Statement::NAMES[13], "challenge");
    }
}
