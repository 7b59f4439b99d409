//! Answers that are prepared for the platforms that were answered before, on the newest synced epoch and for today: when
//! one of them asks, only its challenge is missing.
//!
//! Nothing prepared stands above the rules. A request is judged as ever; only then is it looked up whether its statement is
//! there, and the verifier has the last word on what comes of it.

use crate::crypt::SealFailed;
use crate::groth16::KeyFile;
use crate::groth16::{Engine, Prepared, ProveError, Prover, Session};
use crate::present::Judged;
use crate::refusal::Refusal;
use crate::store::{Basis, Entry, Store};
use crate::wallet::Wallet;
use ark_ff::AdditiveGroup;
use rand::{CryptoRng, RngCore};
use veilpass_circuits::Witness;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::pseudonym;
use veilpass_protocol::presentation::PROOF_BYTES;
use veilpass_protocol::scope::ScopeParameters;
use veilpass_protocol::statement::Statement;

impl Wallet {
    /// Takes what was prepared earlier with the same proving key file, from [`Wallet::prepared_file`]. Whatever is of another
    /// epoch, day, credential or key, or has a slot that was used since, is dropped at once.
    ///
    /// An error ([`Refusal::FileDamaged`]) means that nothing is prepared, and is no reason not to go on.
    pub fn use_prepared(
        &mut self,
        file: Option<&[u8]>,
        key_file: KeyFile,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let basis = self.basis(key_file);
        let nothing = |changed| Store { basis, changed, entries: Vec::new() };
        let (store, outcome) = match file.map(|file| Store::open(file, &self.k)).transpose() {
            Ok(Some(store)) if store.basis == basis => (store, Ok(())),
            Ok(found) => (nothing(found.is_some_and(|store| !store.entries.is_empty())), Ok(())),
            Err(damage) => (nothing(true), Err(damage)),
        };
        self.prepared = store;
        self.forget_prepared(now);
        outcome
    }

    /// What is prepared, encrypted under a key that follows from the pseudonym secret. Its length is always the same.
    /// Whoever opens it can give the answers in it, to anybody, until the day or the epoch is over.
    pub fn prepared_file(&self) -> Result<Vec<u8>, SealFailed> {
        self.prepared.seal(&self.k)
    }

    /// Whether [`Wallet::prepared_file`] has other contents than the file that was taken.
    pub fn prepared_changed(&self) -> bool {
        self.prepared.changed
    }

    /// Whether the answer to a question is prepared, so that no proving key is needed for it.
    pub fn is_prepared(&mut self, question: &crate::Question, circuit: CircuitId, now: Timestamp) -> bool {
        self.forget_prepared(now);
        let judged = self.judge_again(question, circuit, now);
        judged.is_ok_and(|j| self.prepared_slot(circuit, &j.parameters, &j.statement).is_some())
    }

    /// Whether there is anybody to prepare an answer for.
    pub fn has_answered(&self) -> bool {
        !self.state.visits.is_empty()
    }

    /// How many answers [`Wallet::prepare`] would make.
    pub fn unprepared(&mut self, circuit: CircuitId, now: Timestamp) -> usize {
        self.missing(circuit, now).len()
    }

    /// Prepares answers for the platforms that were answered last ([`MAX_PREPARED`](crate::MAX_PREPARED) questions), where the
    /// rules allow the answer and none is prepared yet; what is prepared for anything else is dropped. For `tokens`
    /// a slot is drawn, which the next answer uses up.
    ///
    /// `progress` is told how many are made. Returns how many were; after an error what was made stays.
    pub fn prepare<R: RngCore + CryptoRng>(
        &mut self,
        engine: &Engine,
        now: Timestamp,
        rng: &mut R,
        mut progress: impl FnMut(usize),
    ) -> Result<usize, ProveError> {
        let circuit = engine.circuit();
        let mut session: Option<Session<'_>> = None;
        let mut made = 0;
        let missing = self.missing(circuit, now);
        self.prepared.make_room();
        for judged in missing {
            let Judged { parameters, mut statement, mut witness, .. } = judged;
            let Some(slot) = self.draw_another(&parameters, now, rng) else { continue };
            statement.pseudonym = pseudonym(&self.k, &statement.scope, slot);
            statement.challenge = Fr::ZERO;
            witness.slot = Fr::from(slot);
            let session = match &mut session {
                Some(session) => {
                    session.turn_to(&statement, &witness)?;
                    session
                }
                none => none.insert(engine.session(&statement, &witness)?),
            };
            let state = session.prepare_to_keep(rng)?.to_bytes();
            self.prepared.entries.push(Entry { slot, state });
            self.prepared.changed = true;
            made += 1;
            progress(made);
        }
        Ok(made)
    }

    /// What is worth preparing and is not, newest first. Whatever else is prepared is dropped.
    fn missing(&mut self, circuit: CircuitId, now: Timestamp) -> Vec<Judged> {
        self.forget_prepared(now);
        let today = Day::of(now);
        let (mut missing, mut wanted): (Vec<Judged>, Vec<usize>) = (Vec::new(), Vec::new());
        for visit in self.state.visits.of(circuit) {
            let Some(request) = visit.expected(today) else { continue };
            let Ok(judged) = self.judge(&visit.host, &request, false, circuit, now) else { continue };
            match self.prepared.answering(circuit, &judged.statement) {
                Some(at) => wanted.push(at),
                None if missing.iter().any(|known| known.statement == judged.statement) => (),
                None => missing.push(judged),
            }
        }
        let before = self.prepared.entries.len();
        let mut index = 0..;
        self.prepared.entries.retain(|_| index.next().is_some_and(|at| wanted.contains(&at)));
        self.prepared.changed |= self.prepared.entries.len() < before;
        missing
    }

    /// A slot that is neither used nor kept for another answer.
    fn draw_another<R: RngCore + CryptoRng>(
        &self,
        parameters: &ScopeParameters,
        now: Timestamp,
        rng: &mut R,
    ) -> Option<u32> {
        let scope = parameters.scope();
        let mut slots = self.state.slots.clone();
        for entry in &self.prepared.entries {
            if entry.head().is_ok_and(|(_, statement)| statement.scope == scope) {
                slots.mark(parameters, entry.slot, Day::of(now));
            }
        }
        slots.draw(parameters, rng)
    }

    /// The slot of the answer that is prepared to a question.
    pub(crate) fn prepared_slot(
        &self,
        circuit: CircuitId,
        parameters: &ScopeParameters,
        statement: &Statement,
    ) -> Option<u32> {
        let at = self.prepared.answering(circuit, statement)?;
        let slot = self.prepared.entries.get(at)?.slot;
        self.state.slots.is_free(parameters, slot).then_some(slot)
    }

    /// The proof of a statement from what is prepared for exactly it, if the verifier accepts it. An entry of which none comes
    /// is dropped.
    pub(crate) fn present_prepared<P: Prover, R: RngCore + CryptoRng>(
        &mut self,
        prover: &P,
        statement: &Statement,
        witness: &Witness,
        rng: &mut R,
    ) -> Option<[u8; PROOF_BYTES]> {
        let key = prover.verifying_key()?;
        let at = self.prepared.at(key.circuit_id(), statement)?;
        let entry = self.prepared.entries.get(at)?;
        let proof = Prepared::from_bytes(&entry.state, key.key(), witness)
            .ok()
            .and_then(|prepared| prepared.present(statement.challenge, rng).ok())
            .filter(|proof| key.check_bytes(statement, proof).is_ok());
        if proof.is_none() {
            self.prepared.entries.remove(at);
            self.prepared.changed = true;
        }
        proof
    }

    /// Drops what is of another epoch, credential or day, and what has a slot that was used.
    pub(crate) fn forget_prepared(&mut self, now: Timestamp) {
        let basis = self.basis(self.prepared.basis.key_file);
        let today = Fr::from(Day::of(now).number());
        let slots = &self.state.slots;
        let of_today = self.prepared.basis == basis;
        let before = self.prepared.entries.len();
        self.prepared.entries.retain(|entry| {
            let fresh = |s: Statement| s.valid_on == today && !slots.is_used(&s.scope, entry.slot);
            of_today && entry.head().is_ok_and(|(_, statement)| fresh(statement))
        });
        self.prepared.basis = basis;
        self.prepared.changed |= self.prepared.entries.len() < before;
    }

    fn basis(&self, key_file: KeyFile) -> Basis {
        let newest = self.state.epochs.as_ref().and_then(|epochs| epochs.newest());
        let leaf = self.credential.as_ref().map(|credential| credential.leaf());
        Basis {
            epoch: newest.map_or(0, |statement| statement.epoch),
            leaf: leaf.unwrap_or_default(),
            key_file,
        }
    }
}
