//! `debug eval`: the plain check and the rows of the real matrices on any field elements.

use super::LineError;
use serde::{Deserialize, Serialize};
use veilpass_circuits::{Attest, Circuit, Clause, Witness, native_check};
use veilpass_protocol::field::{Fr, from_hex};
use veilpass_protocol::json::{self, object};
use veilpass_protocol::statement::{INPUTS, Statement};

/// The private inputs in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Private {
    k: String,
    d: String,
    packed: String,
    link: String,
    slot: String,
    path: Vec<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    public: Vec<String>,
    #[serde(deserialize_with = "object")]
    private: Private,
}

/// What both checks say.
#[derive(Serialize)]
pub struct Verdicts {
    native: Verdict,
    circuit: Verdict,
}

#[derive(Serialize)]
struct Verdict {
    ok: bool,
    clause: Option<&'static str>,
}

impl From<Result<(), Clause>> for Verdict {
    fn from(outcome: Result<(), Clause>) -> Verdict {
        Verdict { ok: outcome.is_ok(), clause: outcome.err().map(|clause| clause.as_str()) }
    }
}

fn fr(text: &str) -> Result<Fr, LineError> {
    from_hex(text).map_err(|e| LineError::new("not_canonical", e))
}

/// Exactly `N` of something.
fn exactly<T, const N: usize>(items: Vec<T>, what: &str) -> Result<[T; N], LineError> {
    let got = items.len();
    items.try_into().map_err(|_| LineError::new("request_syntax", format!("{got} {what} instead of {N}")))
}

impl Private {
    /// As the circuit takes them.
    pub fn witness(self) -> Result<Witness, LineError> {
        let level = |children: Vec<String>| -> Result<[Fr; 8], LineError> {
            exactly(children.iter().map(|x| fr(x)).collect::<Result<_, _>>()?, "children")
        };
        let path: Vec<[Fr; 8]> = self.path.into_iter().map(level).collect::<Result<_, _>>()?;
        Ok(Witness {
            k: fr(&self.k)?,
            d: fr(&self.d)?,
            packed: fr(&self.packed)?,
            link: fr(&self.link)?,
            slot: fr(&self.slot)?,
            path: exactly(path, "levels")?,
        })
    }
}

/// Reads a line: any field elements as public and private inputs.
pub fn claim(bytes: &[u8]) -> Result<(Statement, Witness), LineError> {
    let line: Line = json::parse(bytes).map_err(|e| LineError::new("request_syntax", e))?;
    let public: Vec<Fr> = line.public.iter().map(|x| fr(x)).collect::<Result<_, _>>()?;
    let public: [Fr; INPUTS] = exactly(public, "public inputs")?;
    Ok((Statement::from_array(public), line.private.witness()?))
}

/// Answers one line.
pub fn line(bytes: &[u8]) -> Result<Verdicts, LineError> {
    let (statement, witness) = claim(bytes)?;
    Ok(Verdicts {
        native: native_check(&statement, &witness).into(),
        circuit: Attest.check(&statement, &witness).into(),
    })
}
