//! The built-in wallet: it fetches a request, judges, proves and answers as a real one does, by all of its
//! rules. It tells the platform's engineer why, which a real one never does.

use super::people::Person;
use crate::explain::sentence;
use crate::network::{self, Reader};
use crate::outcome::{Audience, Failure};
use rand::rngs::OsRng;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use veilpass_params::dev;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::note::AuthorityKey;
use veilpass_protocol::presentation::DECLINE;
use veilpass_prover::groth16::Engine;
use veilpass_prover::{AnswerError, Channel, Question, Refusal, Wallet, answer_address};
use veilpass_server::client::{Client, ClientError, ClientSettings};
use veilpass_server::http::now;

/// Longest request that is fetched.
const MAX_REQUEST: usize = 64 * 1024;
/// Longest answer of a platform.
const MAX_ANSWER: usize = 16 * 1024;

/// The wallets of all people, and what they prove with.
pub struct Wallets {
    people: [(Person, Mutex<Wallet>); 4],
    client: Client,
    circuit: CircuitId,
    /// Made by whoever needs it first.
    engine: Mutex<Option<Arc<Engine>>>,
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The platform accepted the presentation.
    Accepted,
    /// The wallet or the person declined.
    Declined(Said),
    /// The platform refused.
    Refused(Said),
}

/// A code with everything that is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The code of contract §7.
    pub code: String,
    /// What is particular to this time.
    pub detail: String,
}

impl Said {
    fn refusal(refusal: &Refusal) -> Said {
        Said { code: refusal.code().to_owned(), detail: refusal.to_string() }
    }

    /// The sentence of `veilpass explain` for the platform's engineer.
    pub fn to_engineer(&self) -> &'static str {
        sentence(&self.code, Audience::Engineer)
            .unwrap_or("The code is not in the table of `veilpass explain`.")
    }

    /// The sentence that the person with the wallet reads.
    pub fn to_person(&self) -> &'static str {
        sentence(&self.code, Audience::Person).unwrap_or_default()
    }
}

/// What each person would be told, or why the wallet would not even ask.
pub type Preview = Vec<(Person, Result<Question, Said>)>;

/// A request as it was fetched.
pub struct Fetched(pub Vec<u8>);

impl Wallets {
    /// Wallets that have their credentials.
    pub fn new(people: [(Person, Wallet); 4]) -> Result<Wallets, Failure> {
        let client = Client::new(ClientSettings::default()).map_err(|e| network::failure(&e))?;
        let key = dev::verifying_key().map_err(|e| Failure::refused(e.code(), &e))?;
        Ok(Wallets {
            people: people.map(|(person, wallet)| (person, Mutex::new(wallet))),
            client,
            circuit: key.circuit_id(),
            engine: Mutex::new(None),
        })
    }

    /// Everybody reads the newest epoch.
    pub fn sync(&self, source: &Reader, authority: &AuthorityKey, now: Timestamp) -> Result<(), Failure> {
        for (person, wallet) in &self.people {
            let synced = wallet.lock().unwrap_or_else(PoisonError::into_inner).sync(source, authority, now);
            let synced = synced.map_err(|e| Failure::refused(e.code(), &e))?;
            if !synced.enrolled {
                return Err(Failure::Fault(format!("`{}` is not in the sealed tree", person.name())));
            }
        }
        Ok(())
    }

    /// Makes the engine before somebody waits for it.
    pub fn warm(&self) -> Result<(), Failure> {
        self.engine().map(drop)
    }

    /// The engine, with its tables: a proof that begins while another thread makes them can wait for ever, with
    /// every thread of the pool inside it.
    fn engine(&self) -> Result<Arc<Engine>, Failure> {
        let mut made = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = made.as_ref() {
            return Ok(Arc::clone(engine));
        }
        let key = dev::proving_key().map_err(|e| Failure::refused(e.code(), &e))?;
        let engine = Arc::new(Engine::new(key).map_err(|e| Failure::Fault(e.to_string()))?);
        engine.make_tables();
        *made = Some(Arc::clone(&engine));
        Ok(engine)
    }

    fn wallet(&self, person: Person) -> Result<MutexGuard<'_, Wallet>, Failure> {
        let found = self.people.iter().find(|(known, _)| *known == person);
        let (_, wallet) = found.ok_or_else(|| Failure::Fault("there is no such wallet".into()))?;
        Ok(wallet.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches a request from the platform, which may refuse it.
    pub fn fetch(&self, request_uri: &str) -> Result<Result<Fetched, Said>, Failure> {
        let answer = self.client.get(request_uri, MAX_REQUEST).map_err(|e| unreachable_platform(&e))?;
        if answer.status == 200 {
            return Ok(Ok(Fetched(answer.body)));
        }
        refused(&answer.problem_code(), &answer.problem_detail(), answer.status).map(Err)
    }

    /// What each person would be told, or why the wallet would not even ask.
    pub fn preview(&self, fetched: &Fetched, channel: &Channel) -> Result<Preview, Failure> {
        let judge = |person| {
            let judged = self.wallet(person)?.examine(&fetched.0, channel, false, self.circuit, now());
            Ok((person, judged.map_err(|refusal| Said::refusal(&refusal))))
        };
        Person::ALL.into_iter().map(judge).collect()
    }

    /// Answers a request as this person. A decline goes out as one does in life, but at once.
    pub fn answer(&self, person: Person, fetched: &Fetched, channel: &Channel) -> Result<Outcome, Failure> {
        let presented = self.present(person, fetched, channel)?;
        match presented {
            Ok((address, presentation)) => {
                Ok(self.send(&address, &presentation)?.map_or(Outcome::Accepted, Outcome::Refused))
            }
            Err(why) => {
                let mut said = Said::refusal(&why);
                let address = answer_address(&fetched.0, channel);
                if let Some(address) = address
                    && let Some(refused) = self.send(&address, DECLINE)?
                {
                    said.detail += &format!("; the platform did not take the decline ({})", refused.code);
                }
                Ok(Outcome::Declined(said))
            }
        }
    }

    /// Where the answer goes, and the presentation.
    pub fn present(
        &self,
        person: Person,
        fetched: &Fetched,
        channel: &Channel,
    ) -> Result<Result<(String, String), Refusal>, Failure> {
        let engine = if person.agrees() { Some(self.engine()?) } else { None };
        let mut wallet = self.wallet(person)?;
        let question = match wallet.examine(&fetched.0, channel, false, self.circuit, now()) {
            Ok(question) => question,
            Err(why) => {
                wallet.remember_refused(&fetched.0, &why, now());
                return Ok(Err(why));
            }
        };
        let Some(engine) = engine else {
            wallet.remember_refused(&fetched.0, &Refusal::Declined, now());
            return Ok(Err(Refusal::Declined));
        };
        let kept = |_: &[u8]| Ok::<(), Infallible>(());
        match wallet.answer(&question, true, engine.as_ref(), now(), &mut OsRng, kept) {
            Ok(presentation) => Ok(Ok((question.response_uri, presentation.to_json()))),
            Err(AnswerError::Refused(why)) => Ok(Err(why)),
            Err(other) => Err(Failure::Fault(other.to_string())),
        }
    }

    /// Posts an answer. Gives what the platform refused it with, if it did.
    fn send(&self, address: &str, text: &str) -> Result<Option<Said>, Failure> {
        let answer = self.client.post(address, "application/json", text.as_bytes(), None, MAX_ANSWER);
        let answer = answer.map_err(|e| unreachable_platform(&e))?;
        if answer.is_success() {
            return Ok(None);
        }
        refused(&answer.problem_code(), &answer.problem_detail(), answer.status).map(Some)
    }
}

fn unreachable_platform(e: &ClientError) -> Failure {
    Failure::Fault(format!("the test wallet does not reach the platform: {e}"))
}

fn refused(code: &Option<String>, detail: &Option<String>, status: u16) -> Result<Said, Failure> {
    let none = || Failure::Fault(format!("the platform answered with status {status} and no code"));
    let code = code.clone().ok_or_else(none)?;
    Ok(Said { code, detail: detail.clone().unwrap_or_default() })
}
