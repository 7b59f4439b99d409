//! `veilpass verify` (contract §6): one presentation from files, without memory.

use crate::common::{Clock, authority_key, document, read, verifying_key};
use crate::explain::sentence;
use crate::out::{disk, folder};
use crate::outcome::{Audience, Failure, Reply};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use veilpass_params::snarkjs;
use veilpass_protocol::epoch::{AGE_MAX, GRACE_MAX, MIN_LIVE, open_note, peek_note};
use veilpass_protocol::field::to_hex;
use veilpass_protocol::note::AuthorityKey;
use veilpass_server::files::{Access, LARGEST, make_folder, read_if_there, write};
use veilpass_server::published::note_number;
use veilpass_server::typed;
use veilpass_verifier::{Files, Policy, Proof, TooLoose, VerifiedPresentation, verify_files};

/// A platform's policy; it can only be stricter than the defaults.
#[derive(Debug, Clone, Args)]
pub struct PolicyFlags {
    /// Seconds for which a replaced epoch is accepted, at most the default
    #[arg(long, default_value_t = GRACE_MAX)]
    grace: u64,
    /// Seconds for which the newest epoch is accepted, at most the default
    #[arg(long, default_value_t = AGE_MAX)]
    max_age: u64,
    /// Live leaves that an epoch must have, at least the default
    #[arg(long, default_value_t = MIN_LIVE)]
    min_live: u64,
    /// Accept a development key: its maker can forge proofs
    #[arg(long)]
    allow_dev: bool,
}

impl PolicyFlags {
    /// As the verifier takes it; looser values are wrong use.
    pub fn policy(&self) -> Result<Policy, Failure> {
        let strict = || -> Result<Policy, TooLoose> {
            Policy::default().with_grace(self.grace)?.with_max_age(self.max_age)?.with_min_live(self.min_live)
        };
        let policy = strict().map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(if self.allow_dev { policy.allowing_dev_keys() } else { policy })
    }
}

/// The arguments.
#[derive(Debug, Args)]
pub struct Verify {
    /// The platform's own request, JSON or JWS
    #[arg(long)]
    request: PathBuf,
    /// The presentation, JSON or 201 bytes
    #[arg(long)]
    presentation: PathBuf,
    /// An epoch note, a folder of notes, or a published folder
    #[arg(long)]
    epochs: PathBuf,
    /// The authority's vkey line, or a file that holds it
    #[arg(long)]
    authority: String,
    /// Verifying key file [default: the DEV key]
    #[arg(long)]
    key: Option<PathBuf>,
    #[command(flatten)]
    clock: Clock,
    #[command(flatten)]
    policy: PolicyFlags,
    /// Write proof.json and public.json for snarkjs into this folder
    #[arg(long, value_name = "DIR", value_parser = folder)]
    export_snarkjs: Option<PathBuf>,
}

/// An epoch note and the file that it is from.
pub struct NoteFile {
    path: PathBuf,
    text: String,
}

impl NoteFile {
    /// Bytes that are no text become characters that no note has: its form or signature is then refused. Line
    /// ends of Windows are none of a note's, which is signed with LF.
    fn new(path: PathBuf, bytes: &[u8]) -> NoteFile {
        NoteFile { path, text: typed::lines(&String::from_utf8_lossy(bytes)) }
    }
}

/// All notes of a file, a folder of notes or a published folder. In a folder files count that are called like
/// a note, `7.note`.
fn notes(path: &Path) -> Result<Vec<NoteFile>, Failure> {
    if !path.is_dir() {
        return Ok(vec![NoteFile::new(path.to_owned(), &read(path)?)]);
    }
    let inner = path.join("epochs");
    let folder = if inner.is_dir() { inner } else { path.to_owned() };
    let fault = |e| Failure::fault(&folder.display().to_string(), e);
    let mut notes = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        if note_number(&file).is_some()
            && let Some(bytes) = read_if_there(&file, LARGEST).map_err(disk)?
        {
            notes.push(NoteFile::new(file, &bytes));
        }
    }
    Ok(notes)
}

/// The note that the verifier refused for its form or signature.
fn refused_note<'a>(notes: &'a [NoteFile], authority: &AuthorityKey) -> Option<&'a Path> {
    let epoch = |note: &NoteFile| peek_note(&note.text).ok().map(|statement| statement.epoch);
    let formless = notes.iter().find(|note| epoch(note).is_none());
    let highest = notes.iter().filter_map(epoch).max();
    let unsigned =
        || notes.iter().find(|note| epoch(note) == highest && open_note(&note.text, authority).is_err());
    formless.or_else(unsigned).map(|note| note.path.as_path())
}

/// Runs it.
pub fn run(v: &Verify) -> Result<Reply, Failure> {
    let policy = v.policy.policy()?;
    let authority = authority_key(&v.authority)?;
    let (request, presentation) = (document(&v.request)?, document(&v.presentation)?);
    let (notes, key) = (notes(&v.epochs)?, verifying_key(v.key.as_ref())?);
    let files = Files {
        request: &request,
        presentation: &presentation,
        notes: &notes.iter().map(|note| note.text.clone()).collect::<Vec<_>>(),
        authority: &authority,
        key: &key,
        policy,
        now: v.clock.now()?,
    };
    match verify_files(&files) {
        Ok(verified) => {
            if let Some(folder) = &v.export_snarkjs {
                export(folder, &verified)?;
            }
            let (pseudonym, scope) = (to_hex(verified.pseudonym()), to_hex(verified.scope()));
            let proven: Vec<String> = verified.proven().iter().map(|p| format!("  {p}\n")).collect();
            let epoch = verified.epoch();
            Reply::new(
                &json!({"accepted": true, "pseudonym": pseudonym, "scope": scope, "epoch": epoch}),
                format!("accepted, epoch {epoch}\n{}  pseudonym {pseudonym}", proven.concat()),
            )
        }
        Err(refusal) => {
            let (blame, code) = (refusal.blame(), refusal.code());
            let file = match code {
                "epochs_syntax" | "epoch_signature" => refused_note(&notes, &authority),
                _ => None,
            };
            let named = file.map(|file| format!("{}: {refusal}", file.display()));
            let detail = named.unwrap_or_else(|| refusal.to_string());
            let reply = Reply::new(
                &json!({"accepted": false, "blame": blame.to_string(), "code": code, "detail": detail}),
                match sentence(code, Audience::Engineer) {
                    Some(sentence) => format!("Refused. {sentence} ({code}, {blame})\n  Here: {detail}"),
                    None => format!("Refused ({code}, {blame}). {detail}"),
                },
            )?;
            Ok(reply.refusing(true))
        }
    }
}

fn export(folder: &Path, verified: &VerifiedPresentation) -> Result<(), Failure> {
    make_folder(folder).map_err(disk)?;
    let proof =
        Proof::from_bytes(&verified.presentation().proof).map_err(|e| Failure::fault("proof.json", e))?;
    write(&folder.join("proof.json"), snarkjs::proof(&proof).as_bytes(), Access::Public).map_err(disk)?;
    write(&folder.join("public.json"), snarkjs::public(verified.statement()).as_bytes(), Access::Public)
        .map_err(disk)
}
