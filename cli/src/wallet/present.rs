//! `veilpass wallet present`: what is asked, in plain words; the answer, or the decline.

use super::key::{self, Key};
use super::{At, agree, disk, refusal};
use crate::common::{Clock, ask, document, terminal};
use crate::explain::sentence;
use crate::network::{self, Network};
use crate::out::Out;
use crate::outcome::{Audience, Failure, Reply, printable, tell};
use crate::progress;
use clap::Args;
use rand::rngs::OsRng;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use veilpass_protocol::presentation::DECLINE;
use veilpass_protocol::request::AnyRequest;
use veilpass_protocol::scope::Host;
use veilpass_prover::groth16::{Engine, Prover};
use veilpass_prover::{AnswerError, Channel, Question, Refusal, Wallet as Holder, answer_address};
use veilpass_server::client::Client;
use veilpass_server::files::{Access, read, write};
use veilpass_server::typed;

/// Longest request that is fetched.
const MAX_REQUEST: usize = 64 * 1024;
/// Longest answer of a platform.
const MAX_ANSWER: usize = 16 * 1024;
/// A decline leaves a whole number of these after the request came, longer than any judging takes. So its
/// moment does not tell which rule was the reason, nor a rule from a person who is as quick.
const DECLINE_STEP: Duration = Duration::from_secs(2);

/// What is asked, and how it is answered.
#[derive(Debug, Args)]
pub struct PresentOptions {
    /// The request, JSON or signed: a file, - for standard input, or the address that it is fetched from
    #[arg(long, value_name = "FILE|-|URL")]
    request: String,
    /// The host that the transport vouches for; an unsigned request needs it
    #[arg(long, value_name = "HOST", value_parser = typed::host)]
    origin: Option<Host>,
    /// The request was scanned from another screen
    #[arg(long)]
    scanned: bool,
    /// Agree without being asked
    #[arg(long)]
    yes: bool,
    /// Answer an age question although it tells roughly when the birthday is; once for each platform
    #[arg(long)]
    this_month: bool,
    /// Proving key [default: the DEV key]
    #[arg(long, value_name = "FILE")]
    pk: Option<PathBuf>,
    /// The file that gets the presentation, or the decline; - is standard output
    #[arg(long, value_name = "FILE|-")]
    pub out: Option<Out>,
    /// Send the presentation, or the decline, to where the request wants it
    #[arg(long)]
    send: bool,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    clock: Clock,
}

/// A request as it came.
struct Asked {
    request: Vec<u8>,
    channel: Channel,
    /// Why it is refused unread: it came from elsewhere than it says.
    foreign: Option<Refusal>,
    /// The server that it was fetched from, scheme and port included.
    from: Option<String>,
    /// When it was here.
    came: Instant,
}

/// A presentation, and where it goes.
struct Answered {
    presentation: String,
    /// Where it goes.
    address: String,
    /// The wallet as it was written before the answer left.
    wallet: Written,
}

/// A wallet and the state file that was written of it.
struct Written {
    holder: Holder,
    state: Vec<u8>,
    passphrase: SecretString,
}

/// Why there is no presentation.
enum NoAnswer {
    /// The wallet or the person refuses: the platform gets the decline.
    Refused(Refusal),
    /// Nothing was decided, and nothing is sent.
    Failed(Failure),
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> NoAnswer {
        NoAnswer::Failed(failure)
    }
}

/// What a platform says when it has got something (contract §8).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Received {
    received: bool,
}

/// Runs it.
pub fn run(at: &At, present: &PresentOptions) -> Result<Reply, Failure> {
    if !present.yes && !terminal() {
        // Before the request is even looked at: whether it could be answered must not show.
        return Err(Failure::Usage(
            "there is no terminal to ask you on, so nothing was sent. Add --yes to agree without being asked"
                .into(),
        ));
    }
    at.holds_one()?;
    let client = present.network.client()?;
    let asked = Asked::receive(present, &client)?;
    match answer(at, present, &asked) {
        Ok(Answered { presentation, address, wallet }) => {
            keep(present.out.as_ref(), &presentation)?;
            if present.send {
                let sent = send(&client, &address, &presentation);
                remember_reply(at, wallet, &sent);
                sent?;
            }
            let text = match (present.send, &present.out) {
                (true, _) => "The site has your answer.",
                (false, Some(_)) => "Your answer is written; nothing was sent.",
                (false, None) => {
                    "Your answer was made and not sent. Add --send to send it, or --out FILE to keep it."
                }
            };
            Ok(Reply::raw(presentation, text))
        }
        Err(NoAnswer::Refused(why)) => {
            // Whatever the reason, the platform gets the same bytes.
            keep(present.out.as_ref(), DECLINE)?;
            let taken = if present.send { decline(&client, &asked, &why, present.yes)? } else { None };
            match (&why, taken) {
                // What the person said counts only if the site took it.
                (Refusal::Declined, Some(code)) => {
                    Err(Failure::refused(code, "you said no, and the site did not take it"))
                }
                _ => Err(refusal(&why)),
            }
        }
        Err(NoAnswer::Failed(failure)) => Err(failure),
    }
}

fn keep(out: Option<&Out>, text: &str) -> Result<(), Failure> {
    out.map_or(Ok(()), |out| out.write(text.as_bytes(), Access::Public))
}

impl Asked {
    /// Reads or fetches the request.
    fn receive(present: &PresentOptions, client: &Client) -> Result<Asked, Failure> {
        let channel = Channel { origin: present.origin.clone(), scanned: present.scanned };
        let url = &typed::address(&present.request);
        if !url.contains("://") {
            let request = document(Path::new(&present.request))?;
            return Ok(Asked { request, channel, foreign: None, from: None, came: Instant::now() });
        }
        let answer = client.get(url, MAX_REQUEST).map_err(|e| network::failure(&e))?;
        if answer.status != 200 {
            return Err(network::refusal(&answer));
        }
        let (foreign, came) = (foreign(&answer.body, url), Instant::now());
        Ok(Asked { request: answer.body, channel, foreign, from: server_of(url), came })
    }

    /// Where an answer may go; nowhere if anything about hosts does not fit (W6).
    fn address(&self) -> Option<String> {
        self.foreign.is_none().then(|| answer_address(&self.request, &self.channel)).flatten()
    }
}

/// W6: a request that another host hands out than the one that it names.
fn foreign(request: &[u8], url: &str) -> Option<Refusal> {
    let named = AnyRequest::read(request).ok()?.request().rp.clone();
    let host = host_of(url);
    (host != Some(named.as_str()))
        .then(|| Refusal::RequestHost(format!("it came from {}", host.unwrap_or("nowhere"))))
}

/// Scheme, host and port of an address, as they are written.
fn server_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    Some(format!("{scheme}://{}", rest.split(['/', '?', '#']).next()?))
}

/// The host of an address that the client has asked, without its port. (The client refuses names and
/// passwords before the host.)
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => Some(host),
        _ => Some(authority),
    }
}

/// Judges, asks, proves. A refusal is remembered.
fn answer(at: &At, present: &PresentOptions, asked: &Asked) -> Result<Answered, NoAnswer> {
    let _lock = at.lock()?;
    let (mut holder, passphrase) = at.open()?;
    match judge(at, present, asked, &mut holder) {
        Ok((presentation, address, state)) => {
            Ok(Answered { presentation, address, wallet: Written { holder, state, passphrase } })
        }
        Err(NoAnswer::Refused(why)) => {
            // What the person declined is remembered already.
            if why != Refusal::Declined && holder.remember_refused(&asked.request, &why, present.clock.now()?)
            {
                at.save_state(&holder)?;
            }
            Err(NoAnswer::Refused(why))
        }
        Err(failed) => Err(failed),
    }
}

/// Keeps in the history what the site said of the answer. The answer has left: what goes wrong here is said,
/// no more.
fn remember_reply(at: &At, wallet: Written, sent: &Result<(), Failure>) {
    let said = match sent {
        Ok(()) => "accepted",
        Err(Failure::Refused { code, .. }) => code,
        // Whether the answer arrived is not known.
        Err(Failure::Usage(_) | Failure::Fault(_)) => return,
    };
    let kept = || -> Result<(), Failure> {
        let Written { mut holder, state, passphrase } = wallet;
        let Some(answered) = holder.history().last().cloned() else { return Ok(()) };
        let _lock = at.lock()?;
        // Another command may have changed the wallet meanwhile.
        if read(&at.state()).map_err(disk)? != state {
            holder = at.open_with(&passphrase)?;
        }
        if holder.remember_reply(&answered, said) { at.save_state(&holder) } else { Ok(()) }
    };
    if let Err(failure) = kept() {
        tell!("warning: the site's reply is not in the history: {}", printable(failure.detail()));
    }
}

/// The presentation, the address that it goes to, and the state file that was written.
fn judge(
    at: &At,
    present: &PresentOptions,
    asked: &Asked,
    holder: &mut Holder,
) -> Result<(String, String, Vec<u8>), NoAnswer> {
    let fault = |e: String| NoAnswer::Failed(Failure::Fault(e));
    if let Some(why) = &asked.foreign {
        return Err(NoAnswer::Refused(why.clone()));
    }
    let key = Key::read(present.pk.as_deref(), at, holder)?;
    let now = present.clock.now()?;
    let question = holder
        .examine(&asked.request, &asked.channel, present.this_month, key.circuit(), now)
        .map_err(NoAnswer::Refused)?;
    key::take_prepared(at, holder, &key, now);
    let prepared = holder.is_prepared(&question, key.circuit(), now);
    // A key that is none is said before anybody is asked.
    let engine = if prepared { None } else { Some(key.engine()?) };
    show(&question);
    if !present.send && present.out.is_none() {
        tell!("Your answer will not be sent: --send is missing.");
    }
    let agreed = present.yes || agree_meanwhile(engine)?;
    let spinner = progress::spinner("proving");
    let mut written = Vec::new();
    let persist = |state: &[u8]| {
        written = state.to_vec();
        write(&at.state(), state, Access::Private)
    };
    let answered = holder.answer(&question, agreed, &key, present.clock.now()?, &mut OsRng, persist);
    spinner.finish_and_clear();
    match answered {
        Ok(presentation) => {
            key::keep(at, holder);
            Ok((presentation.to_json(), question.response_uri, written))
        }
        Err(AnswerError::Refused(why)) => Err(NoAnswer::Refused(why)),
        Err(AnswerError::Persist(e)) => Err(NoAnswer::Failed(disk(e))),
        Err(other) => Err(fault(other.to_string())),
    }
}

/// Asks, and makes the engine's tables while the person reads. A "no" does not wait for the tables: on a slow
/// machine it would come steps later than a refusal, so the site would know which of the two it was.
fn agree_meanwhile(engine: Option<&Arc<Engine>>) -> Result<bool, Failure> {
    if let Some(engine) = engine.map(Arc::clone) {
        std::thread::spawn(move || engine.make_tables());
    }
    agree("Answer?")
}

/// Posts the presentation.
fn send(client: &Client, address: &str, presentation: &str) -> Result<(), Failure> {
    let answer = client.post(address, "application/json", presentation.as_bytes(), None, MAX_ANSWER);
    match network::read::<Received>(answer.map_err(|e| network::failure(&e))?)? {
        Received { received: true } => Ok(()),
        Received { received: false } => {
            Err(Failure::Fault("the platform says that it received nothing".into()))
        }
    }
}

/// Posts the decline. Somebody at the terminal has a say in when it goes: how long a wallet took to
/// refuse, compared with how long people take, would tell that it did. With `--yes` nobody is there who
/// could have said no: a decline is a refusal then, and only its reason is hidden.
///
/// Gives the site's code where it did not take the decline.
fn decline(
    client: &Client,
    asked: &Asked,
    why: &Refusal,
    yes: bool,
) -> Result<Option<&'static str>, Failure> {
    use Refusal::*;
    let stranger = matches!(
        why,
        RequestSyntax(_) | RequestHost(_) | RequestUnsigned | RequestSignature | AskerUnknown(_)
    );
    // Nobody vouches for a stranger's address: a decline would be a message to wherever a file says, in the
    // name of whoever holds this wallet. Whom the request was fetched from knows of this wallet already.
    let allowed = |address: &String| !stranger || (asked.from.is_some() && asked.from == server_of(address));
    let Some(address) = asked.address().filter(allowed) else {
        tell!("nothing was sent: it is not certain who asks, or that the answer would go there");
        return Ok(None);
    };
    if !yes && *why != Refusal::Declined {
        let said = sentence(why.code(), Audience::Person).map_or_else(|| why.to_string(), str::to_owned);
        tell!("Your wallet does not answer. {} ({})", printable(&said), why.code());
        tell!("The site learns only that the question was declined, as if you had said no.");
        ask("Press Enter to decline, or Ctrl-C to leave the question open and answer later. ")?;
    }
    std::thread::sleep(until_step(asked.came.elapsed()));
    // The wallet's reason is what the command reports, whatever becomes of the decline.
    let (told, code) = match send(client, &address, DECLINE) {
        Ok(()) => return Ok(None),
        Err(Failure::Refused { code, detail }) => (format!("{code}: {detail}"), Some(code)),
        Err(Failure::Usage(detail) | Failure::Fault(detail)) => (detail, None),
    };
    tell!("the decline was not received: {}", printable(&told));
    Ok(code)
}

/// What is left of the step that is running.
fn until_step(elapsed: Duration) -> Duration {
    let step = DECLINE_STEP.as_nanos();
    let left = (step - elapsed.as_nanos() % step) % step;
    Duration::from_nanos(u64::try_from(left).unwrap_or(0))
}

/// What is asked, in plain words, before anything is agreed to.
fn show(q: &Question) {
    let mut text = String::new();
    let mut say = |line: &str| {
        text += line;
        text.push('\n');
    };
    let name = q.known_as.as_ref().map_or("not in the platform directory", |(name, _)| name);
    let part = if q.context.is_empty() { String::new() } else { format!(", part “{}”", q.context) };
    say(&format!("{} ({name}{part}) asks. Your answer would tell it:", q.host));
    q.told.iter().chain([&q.link]).for_each(|sentence| say(&format!("  · {sentence}")));
    for purpose in q.known_as.iter().flat_map(|(_, purposes)| purposes) {
        say(&format!("It says that it needs this for: {purpose}"));
    }
    if let Some(together) = &q.together {
        say("You have answered other questions of this host. Together it would then know:");
        together.iter().for_each(|sentence| say(&format!("  · {sentence}")));
    }
    if q.tells_birthday {
        say("Careful: because your birthday is near, this tells roughly when it is.");
    }
    say(&format!("About {} people fit what is asked now.", q.crowd));
    tell!("{}", printable(text.trim_end()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declines_leave_on_steps() {
        for (elapsed, left) in
            [(0, 0), (1, 1_999), (700, 1_300), (1_999, 1), (2_000, 0), (2_001, 1_999), (61_500, 500)]
        {
            assert_eq!(until_step(Duration::from_millis(elapsed)), Duration::from_millis(left), "{elapsed}");
        }
    }
}
