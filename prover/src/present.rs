//! Answering a request, in two steps: [`Wallet::examine`] says what is asked or why it is refused, and
//! [`Wallet::answer`], once the person has agreed, makes the presentation.

use crate::asker::{Asker, Channel, authenticate};
use crate::credential::explain;
use crate::crypt::SealFailed;
use crate::groth16::{ProveError, Prover};
use crate::refusal::{MonthOverride, Refusal};
use crate::rules::{check_date, check_thresholds, same_all_month};
use crate::state::{ANSWERED, HistoryEntry};
use crate::visits::Visit;
use crate::wallet::Wallet;
use crate::words::{linked, told, told_by_all, unmet};
use rand::{CryptoRng, RngCore};
use veilpass_circuits::{Witness, native_check};
use veilpass_protocol::cells::MIN_CROWD;
use veilpass_protocol::circuit_id::CircuitId;
use veilpass_protocol::day::{Day, Timestamp};
use veilpass_protocol::field::Fr;
use veilpass_protocol::identity::pseudonym;
use veilpass_protocol::presentation::Presentation;
use veilpass_protocol::request::{AnyRequest, PolicyError, Request};
use veilpass_protocol::scope::{Host, LinkKind, ScopeParameters};
use veilpass_protocol::statement::Statement;
use veilpass_verifier::{EpochsError, Policy};

/// What a request would tell whom: to be shown before the person agrees.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// Who asks: authenticated (W6).
    pub host: Host,
    /// The name and purposes that the platform directory has for it.
    pub known_as: Option<(String, Vec<String>)>,
    /// The platform's own subdivision.
    pub context: String,
    /// What an answer tells, one sentence each.
    pub told: Vec<String>,
    /// What the pseudonym lets the asker do.
    pub link: String,
    /// W4: what all answers to this host tell together, in whichever context, where that is more than this
    /// one tells.
    pub together: Option<Vec<String>>,
    /// W5: the answer tells roughly when the birthday is. The person has overridden the rule, for this
    /// host and context for the only time.
    pub tells_birthday: bool,
    /// W8: about so many people fit.
    pub crowd: u64,
    /// Where the answer goes, and nowhere else: whoever sends it follows no redirect (W6).
    pub response_uri: String,
    request: AnyRequest,
    channel: Channel,
}

/// Why there is no presentation although a question was shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError<E> {
    /// The wallet does not answer (any more); the platform gets the decline.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No proof could be made.
    #[error(transparent)]
    Prove(ProveError),
    /// What was to be remembered could not be encrypted; nothing may be sent.
    #[error(transparent)]
    Seal(#[from] SealFailed),
    /// What was to be remembered could not be written; nothing may be sent.
    #[error("the wallet's state could not be written")]
    Persist(E),
}

/// Everything that an answer needs besides its slot: what the rules make of a request, whoever brought it.
pub(crate) struct Judged {
    pub(crate) parameters: ScopeParameters,
    pub(crate) epoch: u64,
    /// For slot 0.
    pub(crate) statement: Statement,
    pub(crate) witness: Witness,
    tells_birthday: bool,
    crowd: u64,
}

impl Wallet {
    /// Judges a request as received, JSON or signed, for the circuit whose proving key is at hand:
    /// what it asks, or the first reason of contract §7 not to answer. Nothing is changed or sent.
    ///
    /// `this_month`: the person has been told what it means and sets W5 aside.
    pub fn examine(
        &self,
        request: &[u8],
        channel: &Channel,
        this_month: bool,
        circuit: CircuitId,
        now: Timestamp,
    ) -> Result<Question, Refusal> {
        let request = AnyRequest::read(request).map_err(|e| Refusal::RequestSyntax(e.0))?;
        Ok(self.ready(&request, channel, this_month, circuit, now)?.0)
    }

    /// Answers a question that [`Wallet::examine`] gave. It is judged again, for the time that has passed.
    ///
    /// `persist` gets the new state file and must have written it durably before it returns: slots are
    /// marked and answers remembered before anything can be sent. The presentation has been verified.
    pub fn answer<P: Prover, R: RngCore + CryptoRng, E>(
        &mut self,
        question: &Question,
        agreed: bool,
        prover: &P,
        now: Timestamp,
        rng: &mut R,
        persist: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<Presentation, AnswerError<E>> {
        if !agreed {
            self.keep(question, "declined", now, persist, |_| ())?;
            return Err(Refusal::Declined.into());
        }
        self.forget_prepared(now);
        let judged = self.judge_again(question, prover.circuit(), now)?;
        let Judged { parameters, epoch, mut statement, mut witness, .. } = judged;
        let prepared = self.prepared_slot(prover.circuit(), &parameters, &statement);
        let slot = prepared.or_else(|| self.state.slots.draw(&parameters, rng)).ok_or(Refusal::NoSlotLeft)?;
        statement.pseudonym = pseudonym(&self.k, &statement.scope, slot);
        witness.slot = Fr::from(slot);
        let proof = match self.present_prepared(prover, &statement, &witness, rng) {
            Some(proof) => proof,
            None => prover.prove(&statement, &witness, rng).map_err(|e| match e {
                ProveError::Unsatisfied(clause) => {
                    AnswerError::Refused(Refusal::NotSatisfied(unmet(clause).to_owned()))
                }
                other => AnswerError::Prove(other),
            })?,
        };
        self.keep(question, ANSWERED, now, persist, |wallet| {
            wallet.mark_answered(question, &parameters, slot, now);
        })?;
        // A prepared slot is used up with its answer.
        self.forget_prepared(now);
        Ok(Presentation { circuit: prover.circuit(), epoch, pseudonym: statement.pseudonym, proof })
    }

    /// What an answer leaves behind: its slot is used up, its predicates are pinned.
    fn mark_answered(
        &mut self,
        question: &Question,
        parameters: &ScopeParameters,
        slot: u32,
        now: Timestamp,
    ) {
        let request = question.request.request();
        self.state.slots.mark(parameters, slot, Day::of(now));
        // An answer under `none` is used once and costs more to prepare than a proof.
        if parameters.link != LinkKind::None {
            self.state.visits.record(Visit::of(request.circuit, parameters, &request.predicates));
        }
        self.state.pins.record(
            &question.host,
            &request.context,
            &request.predicates,
            question.tells_birthday,
            now,
        );
    }

    /// [`Wallet::answer`] at the moment of [`Wallet::examine`], without proof and files: for the tests that
    /// ask a million questions.
    #[cfg(test)]
    pub(crate) fn answer_unproved<R: RngCore + CryptoRng>(
        &mut self,
        question: &Question,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(), Refusal> {
        let parameters = question.request.request().scope_parameters();
        let parameters = parameters.map_err(|e| Refusal::RequestSyntax(e.to_string()))?;
        let slot = self.state.slots.draw(&parameters, rng).ok_or(Refusal::NoSlotLeft)?;
        self.mark_answered(question, &parameters, slot, now);
        Ok(())
    }

    /// Remembers that a request was refused, and why: then write the state file. `false` if it could not
    /// even be read; there is nothing to remember then.
    ///
    /// For whatever [`Wallet::examine`] refuses, and [`Wallet::answer`], which itself remembers only what
    /// the person declined.
    pub fn remember_refused(&mut self, request: &[u8], refusal: &Refusal, now: Timestamp) -> bool {
        let Ok(request) = AnyRequest::read(request) else { return false };
        self.state.remember(HistoryEntry::of(request.request(), refusal.code(), now));
        true
    }

    /// Changes what is remembered, and undoes it if it cannot be written.
    fn keep<E>(
        &mut self,
        question: &Question,
        outcome: &str,
        now: Timestamp,
        persist: impl FnOnce(&[u8]) -> Result<(), E>,
        change: impl FnOnce(&mut Wallet),
    ) -> Result<(), AnswerError<E>> {
        let before = self.state.clone();
        change(self);
        self.state.remember(HistoryEntry::of(question.request.request(), outcome, now));
        let written = self
            .state_file()
            .map_err(AnswerError::Seal)
            .and_then(|file| persist(&file).map_err(AnswerError::Persist));
        if written.is_err() {
            self.state = before;
        }
        written
    }

    /// All rules, in the order of contract §7: who asks and how long he waits, then what.
    fn ready(
        &self,
        request: &AnyRequest,
        channel: &Channel,
        this_month: bool,
        circuit: CircuitId,
        now: Timestamp,
    ) -> Result<(Question, Judged), Refusal> {
        let asker =
            authenticate(&self.rules, request, channel, &self.state.platforms, self.state.authority())?;
        let asked = request.request();
        if now >= asked.expires_at {
            return Err(Refusal::RequestExpired(asked.expires_at));
        }
        let judged = self.judge(&asker.host, asked, this_month, circuit, now)?;
        let all = told_by_all(self.state.pins.answered(&asker.host).chain([&asked.predicates]));
        let together = Some(all).filter(|all| self.rules.w4 && *all != told(&asked.predicates));
        Ok((question(asker, request, channel, &judged, together), judged))
    }

    /// A question that was examined, for the time that has passed.
    pub(crate) fn judge_again(
        &self,
        question: &Question,
        circuit: CircuitId,
        now: Timestamp,
    ) -> Result<Judged, Refusal> {
        let this_month = question.tells_birthday;
        Ok(self.ready(&question.request, &question.channel, this_month, circuit, now)?.1)
    }

    /// The rules from `request_date` on: those that look at what is asked, and not at who brings the question.
    pub(crate) fn judge(
        &self,
        host: &Host,
        asked: &Request,
        this_month: bool,
        circuit: CircuitId,
        now: Timestamp,
    ) -> Result<Judged, Refusal> {
        let rules = &self.rules;
        if rules.w1 {
            check_date(asked.valid_on, now)?;
        }
        check_thresholds(rules, &asked.predicates, asked.valid_on)?;
        if rules.w4 {
            self.state.pins.judge(host, &asked.context, &asked.predicates, now)?;
        }
        if let Some(credential) = self.credential.as_ref().filter(|_| rules.w9) {
            explain(credential, &self.k, &self.d, self.state.authority())?;
        }
        if asked.circuit != circuit {
            return Err(Refusal::CircuitUnknown(asked.circuit));
        }
        let parameters = asked.scope_parameters().map_err(|e| Refusal::RequestSyntax(e.to_string()))?;
        let (epoch, live, statement, witness) = self.witness(asked, now)?;
        native_check(&statement, &witness)
            .map_err(|clause| Refusal::NotSatisfied(unmet(clause).to_owned()))?;

        let tells_birthday = rules.w5 && self.tells_birthday(asked);
        if tells_birthday {
            let left = self.state.pins.month_override(host, &asked.context);
            if !this_month || left == MonthOverride::Used {
                return Err(Refusal::AgeThisMonth(left));
            }
        }
        let crowd = self.state.cells.as_ref().map_or(0, |cells| cells.crowd(&asked.predicates, live));
        if rules.w8 && crowd < MIN_CROWD {
            return Err(Refusal::CrowdTooSmall(crowd));
        }
        if !self.state.slots.has_left(&parameters) {
            return Err(Refusal::NoSlotLeft);
        }
        Ok(Judged { parameters, epoch, statement, witness, tells_birthday, crowd })
    }

    /// Statement and private inputs for slot 0, on the newest synced epoch: codes `epoch_below_floor` to
    /// `credential_removed`.
    fn witness(&self, asked: &Request, now: Timestamp) -> Result<(u64, u64, Statement, Witness), Refusal> {
        let epochs = self.state.epochs.as_ref().ok_or(Refusal::NotEnrolled)?;
        epochs.check(&Policy::default(), now).map_err(|e| match e {
            EpochsError::BelowFloor { live, .. } => Refusal::EpochBelowFloor(live),
            other => Refusal::EpochsStale(other.to_string()),
        })?;
        let newest = epochs.newest().ok_or(Refusal::NotEnrolled)?;
        let credential = self.credential.as_ref().ok_or(Refusal::NotEnrolled)?;
        if self.state.own(&credential.leaf()).place.is_none() {
            return Err(Refusal::NotEnrolled);
        }
        if credential.attributes.expires_on.is_some_and(|last| last < asked.valid_on) {
            return Err(Refusal::CredentialExpired);
        }
        let witness = self.export_witness().ok_or(Refusal::CredentialRemoved)?;
        let scope = asked.scope().map_err(|e| Refusal::RequestSyntax(e.to_string()))?;
        let statement = Statement::for_request(asked, newest.root, pseudonym(&self.k, &scope, 0)).map_err(
            |e| match e {
                PolicyError::Threshold(e) => Refusal::ThresholdNotAllowed(e.0),
                other => Refusal::RequestSyntax(other.to_string()),
            },
        )?;
        Ok((newest.epoch, newest.live, statement, witness))
    }

    /// W5, for a statement that is true on `valid_on`.
    fn tells_birthday(&self, asked: &Request) -> bool {
        let birth_date = self.credential.as_ref().map(|credential| credential.attributes.birth_date);
        match (&asked.predicates.age, birth_date) {
            (Some(age), Some(birth_date)) => !same_all_month(age, birth_date, asked.valid_on),
            _ => false,
        }
    }
}

fn question(
    asker: Asker,
    request: &AnyRequest,
    channel: &Channel,
    judged: &Judged,
    together: Option<Vec<String>>,
) -> Question {
    let asked = request.request();
    Question {
        host: asker.host,
        known_as: asker.entry.map(|entry| (entry.name, entry.purposes)),
        context: asked.context.to_string(),
        told: told(&asked.predicates),
        link: linked(&judged.parameters),
        together,
        tells_birthday: judged.tells_birthday,
        crowd: judged.crowd,
        response_uri: asked.response_uri.clone(),
        request: request.clone(),
        channel: channel.clone(),
    }
}
