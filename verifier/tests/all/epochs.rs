//! Accepted epochs: what is installed, what is refused and by which code, what is kept as evidence.

use crate::world::{Authority, HOUR, at, noon};
use veilpass_verifier::protocol::day::Timestamp;
use veilpass_verifier::protocol::epoch::EpochStatement;
use veilpass_verifier::protocol::field::Fr;
use veilpass_verifier::{AcceptedEpochs, EpochsError, Install, Policy};

fn hours(back: &[u64]) -> Vec<Timestamp> {
    back.iter().map(|h| noon().minus(h * HOUR)).collect()
}

fn empty(authority: &Authority) -> AcceptedEpochs {
    AcceptedEpochs::starting_without_memory(authority.key())
}

fn install(epochs: &mut AcceptedEpochs, note: &str) -> Result<Install, EpochsError> {
    epochs.install(note, &Policy::default(), noon())
}

fn code(result: Result<Install, EpochsError>) -> &'static str {
    result.unwrap_err().code()
}

/// Which of the first nine epochs are accepted.
fn accepted(epochs: &AcceptedEpochs, policy: &Policy, now: Timestamp) -> Vec<u64> {
    (0..10).filter(|n| epochs.root(*n, policy, now).is_ok()).collect()
}

#[test]
fn exactly_the_newest_and_its_window() {
    // Epoch 1 was replaced 25 hours ago, 2 a day ago to the second, 3 a second later.
    let times = [
        noon().minus(30 * HOUR),
        noon().minus(25 * HOUR),
        noon().minus(24 * HOUR),
        noon().minus(24 * HOUR - 1),
        noon().minus(HOUR),
        noon(),
    ];
    let authority = Authority::with_epochs(1, &times);
    let mut epochs = empty(&authority);
    let policy = Policy::default();
    // Whatever was known before: once with every epoch in turn, once with the last alone.
    assert_eq!(install(&mut epochs, &authority.notes[5]), Ok(Install::Newest));
    let alone = accepted(&epochs, &policy, noon());
    let mut epochs = empty(&authority);
    for (note, statement) in authority.notes.iter().zip(&authority.statements) {
        assert_eq!(epochs.install(note, &policy, statement.sealed_at), Ok(Install::Newest));
    }
    assert_eq!(accepted(&epochs, &policy, noon()), alone);
    assert_eq!(alone, [3, 4, 5, 6]);
    for (n, statement) in (1..).zip(&authority.statements) {
        match epochs.root(n, &policy, noon()) {
            Ok(root) => assert_eq!(root, statement.root),
            Err(e) => assert_eq!(e.code(), "epoch_unknown"),
        }
    }
    // Grace ends one by one; what has been in the window is `replaced`, not `unknown`.
    assert_eq!(accepted(&epochs, &policy, noon().plus(1)), [4, 5, 6]);
    assert_eq!(epochs.root(3, &policy, noon().plus(1)).unwrap_err().code(), "epoch_replaced");
    assert_eq!(accepted(&epochs, &policy, noon().plus(24 * HOUR)), [6]);
    assert_eq!(epochs.root(6, &policy, noon().plus(48 * HOUR)).unwrap_err().code(), "epochs_stale");
    let strict = policy.with_grace(0).unwrap();
    assert_eq!(accepted(&epochs, &strict, noon()), [6]);
}

#[test]
fn codes_of_refused_notes() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2, 1]));
    let stranger = Authority::with_epochs(2, &hours(&[3, 2, 1]));
    let mut epochs = empty(&authority);
    for bad in ["", "note", "a\n\nb\n", authority.note().trim_end_matches('\n')] {
        assert_eq!(code(install(&mut epochs, bad)), "epochs_syntax", "{bad:?}");
    }
    assert_eq!(code(install(&mut epochs, stranger.note())), "epoch_signature");
    let touched = authority.note().replace("live 2000", "live 9000");
    assert_eq!(code(install(&mut epochs, &touched)), "epoch_signature");

    let signed = |edit: fn(&mut EpochStatement)| {
        let mut statement = authority.statements[2].clone();
        edit(&mut statement);
        authority.sign(&statement)
    };
    type Edit = fn(&mut EpochStatement);
    let cases: [(Edit, &str); 9] = [
        (|s| s.window.reverse(), "epochs_conflict"),
        (|s| s.window.truncate(0), "epochs_conflict"),
        (|s| s.window[0].replaced_at = s.sealed_at.minus(1), "epochs_conflict"),
        (|s| s.window[1].replaced_at = s.sealed_at.plus(1), "epochs_conflict"),
        (|s| s.window[1].epoch = 7, "epochs_conflict"),
        (|s| s.live = 999, "epoch_below_floor"),
        (
            |s| {
                s.sealed_at = noon().plus(121);
                s.window[0].replaced_at = s.sealed_at;
            },
            "epochs_from_future",
        ),
        (
            |s| {
                let back = 48 * HOUR;
                s.sealed_at = s.sealed_at.minus(back - HOUR);
                s.window.iter_mut().for_each(|w| w.replaced_at = w.replaced_at.minus(back - HOUR));
            },
            "epochs_stale",
        ),
        (|s| s.origin = "other.example".into(), "epoch_signature"),
    ];
    for (i, (edit, expected)) in cases.into_iter().enumerate() {
        assert_eq!(code(install(&mut epochs, &signed(edit))), expected, "case {i}");
    }
    assert_eq!(epochs, empty(&authority), "refused notes change nothing");
    assert_eq!(epochs.check(&Policy::default(), noon()), Err(EpochsError::Missing));
    let ahead = signed(|s| {
        s.sealed_at = noon().plus(120);
        s.window[0].replaced_at = s.sealed_at;
    });
    assert_eq!(install(&mut epochs, &ahead), Ok(Install::Newest), "120 seconds are allowed");
}

#[test]
fn numbers_and_times_only_grow() {
    let authority = Authority::with_epochs(1, &hours(&[4, 3, 2, 1]));
    let mut epochs = empty(&authority);
    install(&mut epochs, &authority.notes[2]).unwrap();
    let before = epochs.clone();
    assert_eq!(install(&mut epochs, &authority.notes[2]), Ok(Install::AlreadyKnown));
    assert_eq!(install(&mut epochs, &authority.notes[1]), Err(EpochsError::Older { offered: 2, newest: 3 }));
    assert_eq!(code(install(&mut epochs, &authority.notes[0])), "epochs_stale");
    assert_eq!(epochs, before);
    // A higher number with a time that is not later contradicts "sealed_at grows strictly".
    for back in [0, 1] {
        let mut bad = authority.statements[3].clone();
        bad.sealed_at = authority.statements[2].sealed_at.minus(back);
        bad.window.truncate(1);
        bad.window[0].replaced_at = bad.sealed_at;
        assert_eq!(code(install(&mut epochs, &authority.sign(&bad))), "epochs_conflict");
    }
    assert_eq!(epochs.equivocations().len(), 2);
    assert_eq!(install(&mut epochs, &authority.notes[3]), Ok(Install::Newest));
}

#[test]
fn one_number_with_two_texts_is_kept_as_evidence() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2, 1]));
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    let mut other = authority.statements[2].clone();
    other.root = Fr::from(5u64);
    let other = authority.sign(&other);
    for _ in 0..2 {
        assert_eq!(code(install(&mut epochs, &other)), "epochs_conflict");
    }
    let [pair] = epochs.equivocations() else { panic!("one pair") };
    assert_eq!((pair.installed.as_str(), &pair.contradicting), (authority.note(), &other));
    assert_eq!(epochs.newest_note(), Some(authority.note()));
    assert_eq!(epochs.root(3, &Policy::default(), noon()), Ok(authority.statements[2].root));
    // An older epoch with another root than the window says, or another text than `prev` says.
    for (n, edit) in
        [(0usize, (|s| s.root = Fr::from(6u64)) as fn(&mut EpochStatement)), (1, |s| s.cells = [9; 32])]
    {
        let mut old = authority.statements[n].clone();
        edit(&mut old);
        assert_eq!(code(install(&mut epochs, &authority.sign(&old))), "epochs_conflict", "{n}");
    }
    assert_eq!(epochs.equivocations().len(), 3);
}

/// Another signature line on the same text is no other text.
#[test]
fn cosigned_notes_are_the_same_text() {
    let authority = Authority::with_epochs(1, &hours(&[1]));
    let witness = Authority::new(3);
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    let cosigned = witness.signer.sign_note(&authority.statements[0].text()).unwrap();
    let line = cosigned.lines().last().unwrap().replace("id.example/veilpass", "witness.example");
    let note = format!("{}{line}\n", authority.note());
    assert_eq!(install(&mut epochs, &note), Ok(Install::AlreadyKnown));
}

/// The newest statement alone decides, even over what was installed; but it does not go unnoticed.
#[test]
fn a_newer_statement_with_another_past_is_installed_and_reported() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2]));
    let mut forked = Authority::with_epochs(1, &hours(&[3]));
    forked.seal(noon().minus(2 * HOUR), 5);
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    let next = forked.draft(noon(), 0);
    assert_eq!(install(&mut epochs, &forked.sign(&next)), Ok(Install::NewestWithAnotherPast));
    assert_eq!(epochs.equivocations().len(), 1);
    assert_eq!(epochs.newest().map(|s| s.epoch), Some(3));
    // A gap between the two: the windows tell it.
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    let mut far = authority.draft(noon().minus(HOUR), 0);
    let mut further = authority.draft(noon(), 0);
    (far.epoch, further.epoch) = (3, 4);
    far.window[0].root = Fr::from(1u64);
    let mut entry = far.window[0];
    (entry.epoch, entry.replaced_at) = (3, noon());
    further.window = [vec![entry], far.window].concat();
    assert_eq!(install(&mut epochs, &authority.sign(&further)), Ok(Install::NewestWithAnotherPast));
}

/// Two windows name one epoch: it was replaced once, and had one root.
#[test]
fn windows_must_agree_on_what_they_both_name() {
    let authority = Authority::with_epochs(1, &hours(&[4, 3]));
    let edits: [fn(&mut EpochStatement); 2] = [
        |s| s.window[2].root = Fr::from(1u64),
        |s| s.window[2].replaced_at = s.window[2].replaced_at.minus(1),
    ];
    let mut later = Authority::with_epochs(1, &hours(&[4, 3, 2]));
    let honest = later.seal(noon(), 0).clone();
    assert_eq!(honest.window[2].epoch, 1);
    let offer = |statement: &EpochStatement| {
        let mut epochs = empty(&authority);
        install(&mut epochs, authority.note()).unwrap();
        install(&mut epochs, &authority.sign(statement))
    };
    assert_eq!(offer(&honest), Ok(Install::Newest));
    for edit in edits {
        let mut other = honest.clone();
        edit(&mut other);
        assert_eq!(offer(&other), Ok(Install::NewestWithAnotherPast));
    }
}

#[test]
fn evidence_is_bounded() {
    let authority = Authority::with_epochs(1, &hours(&[1]));
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    for n in 0..40u64 {
        let mut other = authority.statements[0].clone();
        other.root = Fr::from(n);
        assert_eq!(code(install(&mut epochs, &authority.sign(&other))), "epochs_conflict");
    }
    assert_eq!(epochs.equivocations().len(), 16);
}

#[test]
fn save_and_restore() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2, 1]));
    let mut epochs = empty(&authority);
    assert_eq!(AcceptedEpochs::restore(&epochs.save(), authority.key()), Ok(epochs.clone()));
    install(&mut epochs, &authority.notes[1]).unwrap();
    let mut other = authority.statements[1].clone();
    other.root = Fr::from(5u64);
    assert_eq!(code(install(&mut epochs, &authority.sign(&other))), "epochs_conflict");
    let saved = epochs.save();
    let mut restored = AcceptedEpochs::restore(&saved, authority.key()).unwrap();
    assert_eq!(restored, epochs);
    assert_eq!(code(install(&mut restored, &authority.notes[0])), "epochs_stale", "it remembers");
    assert_eq!(install(&mut restored, &authority.notes[2]), Ok(Install::Newest));
}

/// A saved state is checked like anything else that was read: form, signatures, contradictions.
#[test]
fn a_saved_state_is_verified_again() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2, 1]));
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    let mut other = authority.statements[2].clone();
    other.root = Fr::from(5u64);
    let _ = install(&mut epochs, &authority.sign(&other));
    let saved = String::from_utf8(epochs.save()).unwrap();
    let stranger = Authority::new(9).key();
    let code = |text: &str| AcceptedEpochs::restore(text.as_bytes(), authority.key()).unwrap_err().code();
    assert_eq!(AcceptedEpochs::restore(saved.as_bytes(), stranger), Err(EpochsError::Signature));
    let lines: Vec<usize> = saved.match_indices("live 2000").map(|(at, _)| at).collect();
    assert_eq!(lines.len(), 3, "the note and both pieces of evidence");
    for at in lines {
        let mut bad = saved.clone();
        bad.replace_range(at..at + 9, "live 3000");
        assert_eq!(code(&bad), "epoch_signature");
    }
    for (from, to) in [
        ("\"v\":1", "\"v\":2"),
        ("\"note\":", "\"note\":null,\"x\":"),
        ("{\"v\"", "[{\"v\""),
        ("\"equivocations\"", "\"equivocation\""),
    ] {
        assert!(saved.contains(from));
        assert_eq!(code(&saved.replacen(from, to, 1)), "epochs_syntax", "{to}");
    }
    // Found when the fuzz target was written: a piece of evidence as an array was read as one, too.
    let array = saved.replace("{\"installed\":", "[").replace("\"contradicting\":", "").replace("}]}", "]]}");
    assert_eq!(code(&array), "epochs_syntax");
    for end in (0..saved.len()).filter(|end| saved.is_char_boundary(*end)) {
        assert_eq!(code(&saved[..end]), "epochs_syntax");
    }
}

#[test]
fn of_several_notes_the_highest_number_counts() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2, 1]));
    let read =
        |notes: &[String]| AcceptedEpochs::from_notes(notes, authority.key(), &Policy::default(), noon());
    let mut notes = authority.notes.clone();
    notes.rotate_left(2);
    let epochs = read(&notes).unwrap();
    assert_eq!(epochs.newest().map(|s| s.epoch), Some(3));
    assert_eq!(accepted(&epochs, &Policy::default(), noon()), [1, 2, 3]);
    // The newest alone decides: what else lies there does not matter, if its number can be read.
    let stranger = Authority::with_epochs(2, &hours(&[3, 2]));
    let mixed = [notes.clone(), stranger.notes.clone()].concat();
    assert_eq!(read(&mixed).map(|e| e.newest().cloned()), Ok(epochs.newest().cloned()));
    assert_eq!(read(&[]).unwrap_err().code(), "epochs_syntax");
    assert_eq!(read(&[notes.clone(), vec!["note".into()]].concat()).unwrap_err().code(), "epochs_syntax");
    let higher = Authority::with_epochs(2, &hours(&[4, 3, 2, 1]));
    assert_eq!(read(&[notes.clone(), higher.notes.clone()].concat()).unwrap_err().code(), "epoch_signature");
    let mut other = authority.statements[2].clone();
    other.root = Fr::from(5u64);
    let two = [notes.clone(), vec![authority.sign(&other)]].concat();
    assert_eq!(read(&two).unwrap_err().code(), "epochs_conflict");
    let twice = [notes, authority.notes.clone()].concat();
    assert!(read(&twice).is_ok(), "the same text twice is one text");
}

/// The floor and the clock are asked at every use, not only on installation.
#[test]
fn a_restored_state_is_judged_by_the_policy_and_clock_of_the_day() {
    let authority = Authority::with_epochs(1, &[at("2026-11-22T03:00:00Z")]);
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    let epochs = AcceptedEpochs::restore(&epochs.save(), authority.key()).unwrap();
    let policy = Policy::default();
    assert_eq!(epochs.check(&policy, noon()), Ok(()));
    let code = |policy: &Policy, now: &str| epochs.check(policy, at(now)).unwrap_err().code();
    assert_eq!(code(&policy, "2026-11-24T03:00:00Z"), "epochs_stale");
    assert_eq!(code(&policy, "2026-11-22T02:57:59Z"), "epochs_from_future");
    assert_eq!(code(&policy.with_min_live(2001).unwrap(), "2026-11-22T03:00:00Z"), "epoch_below_floor");
}

/// Nobody is removed in silence: a successor whose counts do not follow is evidence against its signer.
#[test]
fn counts_that_do_not_follow_are_evidence() {
    let authority = Authority::with_epochs(1, &hours(&[3, 2]));
    let edits: [fn(&mut EpochStatement); 4] = [
        |next| next.live -= 1,
        |next| next.added += 1,
        |next| {
            next.places_used -= 1;
            next.live -= 1;
        },
        |next| {
            next.places_used += 1;
            next.added += 1;
        },
    ];
    let honest = authority.draft(noon(), 0);
    let mut epochs = empty(&authority);
    install(&mut epochs, authority.note()).unwrap();
    assert_eq!(install(&mut epochs, &authority.sign(&honest)), Ok(Install::Newest));
    for edit in edits {
        let mut epochs = empty(&authority);
        install(&mut epochs, authority.note()).unwrap();
        let mut next = honest.clone();
        edit(&mut next);
        assert_eq!(install(&mut epochs, &authority.sign(&next)), Ok(Install::NewestWithAnotherPast));
        assert_eq!(epochs.equivocations().len(), 1);
        // Another reader that could not finish hands its evidence over.
        let mut other = empty(&authority);
        other.take_evidence(&epochs);
        assert_eq!(other.equivocations(), epochs.equivocations());
    }
}
