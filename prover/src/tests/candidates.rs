//! Renewing, rotating and resetting: the old credential is used until the new leaf has been found.

use super::testkit::*;
use crate::tiles::{Cover, Places, Tiles, Wanted};
use crate::{CodeHash, Refusal, SecretString, Taken, Wallet, WorkFactor};
use veilpass_protocol::attributes::Attributes;
use veilpass_protocol::credential::Credential;
use veilpass_protocol::day::Timestamp;
use veilpass_protocol::field::{Fr, to_hex};
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;

fn code(text: &str) -> CodeHash {
    CodeHash::of(text)
}

fn passphrase() -> SecretString {
    SecretString::from("correct horse".to_owned())
}

fn file(wallet: &Wallet) -> Vec<u8> {
    wallet.wallet_file(&passphrase(), WorkFactor::new(2).unwrap()).unwrap()
}

fn reopen(wallet_file: &[u8], states: &[&[u8]]) -> Wallet {
    Wallet::open(wallet_file, states, &passphrase()).unwrap()
}

/// The authority's answer to commitments, and the new leaf.
fn issued(world: &mut World, (c, d): (Fr, Fr), attributes: Attributes) -> Credential {
    let number = NetworkNumber::generate(&mut world.rng);
    Credential::issue(&world.signer, number, c, d, attributes)
}

/// Begins an operation and takes the answer.
fn change(world: &mut World, wallet: &mut Wallet, operation: Operation, text: &str, to: Attributes) -> Fr {
    let commitments = wallet.begin(operation, code(text), &mut world.rng.clone());
    let credential = issued(world, commitments, to);
    let taken = wallet.take(operation, code(text), credential.to_json().as_bytes());
    assert_eq!(taken, Ok(Taken::Waiting));
    credential.leaf()
}

fn place(wallet: &Wallet) -> u64 {
    wallet.state.own.place.unwrap()
}

fn account(wallet: &mut Wallet, world: &World, time: Timestamp) -> Result<Fr, Refusal> {
    let ask = ask().account();
    wallet.respond(&ask, time, &mut world.rng.clone()).map(|presentation| presentation.pseudonym)
}

#[test]
fn the_old_credential_holds_until_the_new_leaf_is_found() {
    for (operation, same_pseudonym) in
        [(Operation::Renew, true), (Operation::Rotate, true), (Operation::Reset, false)]
    {
        let mut world = World::new(60);
        let mut wallet = world.person(adult());
        let before = (wallet.identity_commitment(), wallet.device_commitment(), leaf(&wallet));
        let pseudonym = account(&mut wallet, &world, now()).unwrap();
        let renewed = Attributes { expires_on: Some(day("2056-06-01")), ..adult() };
        let new = change(&mut world, &mut wallet, operation, "one", renewed);
        assert_eq!(
            (wallet.identity_commitment(), wallet.device_commitment(), leaf(&wallet)),
            before,
            "{operation}"
        );
        world.seal_others(now().plus(60), 1);
        let waiting = wallet.sync(&world, &world.key(), now().plus(60)).unwrap();
        assert_eq!((waiting.enrolled, waiting.promoted, waiting.pending), (true, None, 1));
        assert_eq!(account(&mut wallet, &world, now().plus(60)), Ok(pseudonym));

        let old = place(&wallet);
        world.seal(now().plus(120), &[new], &[old]);
        let found = wallet.sync(&world, &world.key(), now().plus(120)).unwrap();
        assert_eq!((found.enrolled, found.promoted, found.pending), (true, Some(operation), 0));
        assert_eq!(leaf(&wallet), new);
        let after = (wallet.identity_commitment(), wallet.device_commitment());
        assert_eq!(after.0 == before.0, operation != Operation::Reset);
        assert_eq!(after.1 == before.1, operation == Operation::Renew);
        let answered = account(&mut wallet, &world, now().plus(120)).unwrap();
        assert_eq!(answered == pseudonym, same_pseudonym);
        assert_eq!(wallet.history().len(), 3, "what was answered before is not forgotten");
        let again = wallet.sync(&world, &world.key(), now().plus(120)).unwrap();
        assert_eq!((again.enrolled, again.promoted), (true, None));
    }
}

/// Contexts and hosts that were answered stay pinned, and used slots stay used, whatever secrets come.
#[test]
fn pins_and_slots_survive() {
    let mut world = World::new(61);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    wallet.respond(&ask(), now(), &mut rng).unwrap();
    let (pins, slots) = (wallet.state.pins.clone(), wallet.state.slots.clone());
    let new = change(&mut world, &mut wallet, Operation::Reset, "one", adult());
    let old = place(&wallet);
    world.seal(now(), &[new], &[old]);
    assert_eq!(wallet.sync(&world, &world.key(), now()).unwrap().promoted, Some(Operation::Reset));
    assert_eq!((&wallet.state.pins, &wallet.state.slots), (&pins, &slots));
}

#[test]
fn one_code_one_pair_of_commitments() {
    let mut world = World::new(62);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let own = (wallet.identity_commitment(), wallet.device_commitment());
    let mut begin = |operation, text: &str| wallet.begin(operation, code(text), &mut rng);
    let reset = begin(Operation::Reset, "AB0C-D1");
    assert_eq!(begin(Operation::Reset, " aboc dl"), reset, "the same code, typed in another way");
    assert_ne!(begin(Operation::Reset, "other"), reset);
    assert!(reset.0 != own.0 && reset.1 != own.1);
    let rotated = begin(Operation::Rotate, "AB0C-D1");
    assert!(rotated.0 == own.0 && rotated.1 != own.1 && rotated.1 != reset.1);
    assert_eq!(begin(Operation::Renew, "x"), own);
    // What was begun survives the disk, and so does its answer.
    let state = wallet.state_file().unwrap();
    let mut read = reopen(&file(&wallet), &[&state]);
    assert_eq!(read.state, wallet.state);
    assert_eq!(read.begin(Operation::Reset, code("AB0C-D1"), &mut rng), reset);
    assert_eq!(read.pending().count(), 4);
    read.forget(Operation::Reset, code("AB0C-D1"));
    assert_ne!(read.begin(Operation::Reset, code("AB0C-D1"), &mut rng), reset);
    let credential = issued(&mut world, reset, adult());
    assert_eq!(
        wallet.take(Operation::Reset, code("AB0C-D1"), credential.to_json().as_bytes()),
        Ok(Taken::Waiting)
    );
    wallet.forget(Operation::Reset, code("AB0C-D1"));
    assert_eq!(wallet.pending().count(), 4, "what was answered is never forgotten");
    let state = wallet.state_file().unwrap();
    assert_eq!(reopen(&file(&wallet), &[&state]).state, wallet.state);
}

/// The first enrolment uses the secrets that the wallet was born with; a second code never the same.
#[test]
fn a_first_enrolment_is_taken_at_once() {
    let mut world = World::new(63);
    let mut rng = world.rng.clone();
    let mut wallet = Wallet::new(&mut rng);
    let own = (wallet.identity_commitment(), wallet.device_commitment());
    assert_eq!(wallet.begin(Operation::Enrol, code("one"), &mut rng), own);
    let second = wallet.begin(Operation::Enrol, code("two"), &mut rng);
    assert!(second.0 != own.0 && second.1 != own.1);
    let credential = issued(&mut world, own, adult());
    let taken = wallet.take(Operation::Enrol, code("one"), credential.to_json().as_bytes());
    assert_eq!((taken, wallet.credential()), (Ok(Taken::Current), Some(&credential)));
    assert_eq!(wallet.begin(Operation::Enrol, code("one"), &mut rng), own, "a lost answer");
    // The second is what comes to be sealed: the first had lapsed.
    let other = issued(&mut world, second, adult());
    assert_eq!(wallet.take(Operation::Enrol, code("two"), other.to_json().as_bytes()), Ok(Taken::Waiting));
    world.seal(now(), &[other.leaf()], &[]);
    let synced = wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!((synced.enrolled, synced.promoted, synced.pending), (true, Some(Operation::Enrol), 0));
    assert_eq!((wallet.identity_commitment(), wallet.device_commitment()), second);
    assert!(account(&mut wallet, &world, now()).is_ok());
}

#[test]
fn an_enrolment_is_over_when_its_leaf_is_found() {
    let mut world = World::new(64);
    let mut rng = world.rng.clone();
    let mut wallet = Wallet::new(&mut rng);
    let commitments = wallet.begin(Operation::Enrol, code("one"), &mut rng);
    let credential = issued(&mut world, commitments, adult());
    wallet.take(Operation::Enrol, code("one"), credential.to_json().as_bytes()).unwrap();
    assert!(!wallet.sync(&world, &world.key(), now()).unwrap().enrolled);
    world.seal(now(), &[credential.leaf()], &[]);
    assert!(wallet.sync(&world, &world.key(), now()).unwrap().enrolled);
    assert_eq!(wallet.state.candidates, []);
}

/// Credentials that are not what was asked for.
#[test]
fn answers_are_explained() {
    let mut world = World::new(65);
    let mut wallet = world.person(adult());
    let mut rng = world.rng.clone();
    let own = (wallet.identity_commitment(), wallet.device_commitment());
    let reset = wallet.begin(Operation::Reset, code("one"), &mut rng);
    let other = wallet.begin(Operation::Reset, code("two"), &mut rng);
    let stranger = World::empty(99).signer;
    let number = NetworkNumber::generate(&mut world.rng);
    let foreign = Credential::issue(&stranger, number, reset.0, reset.1, adult());
    let before = wallet.state.clone();
    for odd in [
        issued(&mut world, own, adult()),
        issued(&mut world, other, adult()),
        issued(&mut world, (reset.1, reset.0), adult()),
        foreign.clone(),
    ] {
        let taken = wallet.take(Operation::Reset, code("one"), odd.to_json().as_bytes());
        assert_eq!(taken.unwrap_err().code(), "attributes_unexplained", "{odd:?}");
    }
    let good = issued(&mut world, reset, adult()).to_json();
    for (operation, text) in [(Operation::Rotate, "one"), (Operation::Reset, "three")] {
        let taken = wallet.take(operation, code(text), good.as_bytes());
        assert_eq!(taken.unwrap_err().code(), "attributes_unexplained");
    }
    assert_eq!(wallet.state, before);

    // Before the first sync the authority's key is unknown: its first sync refuses the credential, and
    // the next one goes on without it.
    let mut fresh = reopen(&file(&wallet), &[]);
    let reset = fresh.begin(Operation::Reset, code("one"), &mut rng);
    let foreign = Credential::issue(&stranger, number, reset.0, reset.1, adult());
    fresh.take(Operation::Reset, code("one"), foreign.to_json().as_bytes()).unwrap();
    let refused = fresh.sync(&world, &world.key(), now()).unwrap_err();
    assert_eq!(refused.code(), "attributes_unexplained");
    assert!(fresh.sync(&world, &world.key(), now()).unwrap().enrolled);
}

/// The same document once more: the same leaf, in another place of the same epoch.
#[test]
fn a_renewal_may_leave_the_leaf_as_it_is() {
    let mut world = World::new(66);
    let mut wallet = world.person(adult());
    let new = change(&mut world, &mut wallet, Operation::Renew, "one", adult());
    assert_eq!(new, leaf(&wallet));
    let waiting = wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!((waiting.enrolled, waiting.promoted), (true, None));
    let old = place(&wallet);
    world.seal(now(), &[new], &[old]);
    let found = wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!((found.enrolled, found.promoted), (true, Some(Operation::Renew)));
    assert_eq!((place(&wallet), wallet.state.candidates.len()), (old + 1, 0));
}

/// Of two changes the later holds if both are found; one that was begun after it goes on.
#[test]
fn later_changes_go_on() {
    let mut world = World::new(67);
    let mut wallet = world.person(adult());
    let first = change(&mut world, &mut wallet, Operation::Rotate, "one", adult());
    let second = change(&mut world, &mut wallet, Operation::Reset, "two", adult());
    world.seal(now(), &[first], &[]);
    let found = wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!((found.promoted, found.pending), (Some(Operation::Rotate), 1));
    let old = place(&wallet);
    world.seal(now().plus(60), &[second], &[old]);
    let found = wallet.sync(&world, &world.key(), now().plus(60)).unwrap();
    assert_eq!((found.promoted, found.pending), (Some(Operation::Reset), 0));
}

/// Between a reset's removal of the old leaf and the new one's seal there is nothing to prove with.
#[test]
fn a_reset_waits_without_a_leaf() {
    let mut world = World::new(68);
    let mut wallet = world.person(adult());
    let new = change(&mut world, &mut wallet, Operation::Reset, "one", adult());
    let old = place(&wallet);
    world.seal(now(), &[], &[old]);
    let gone = wallet.sync(&world, &world.key(), now()).unwrap();
    assert_eq!((gone.enrolled, gone.promoted, gone.pending), (false, None, 1));
    assert_eq!(account(&mut wallet, &world, now()), Err(Refusal::CredentialRemoved));
    world.seal(now().plus(60), &[new], &[]);
    assert!(wallet.sync(&world, &world.key(), now().plus(60)).unwrap().enrolled);
}

/// Killed between any two writes of a promotion (next state, wallet file, next state in its place), the
/// wallet opens, loses nothing, and gets there with one more sync.
#[test]
fn a_promotion_is_killed_anywhere() {
    for operation in [Operation::Renew, Operation::Rotate, Operation::Reset] {
        let mut world = World::new(69);
        let mut wallet = world.person(adult());
        account(&mut wallet, &world, now()).unwrap();
        let renewed = Attributes { expires_on: Some(day("2056-06-01")), ..adult() };
        let new = change(&mut world, &mut wallet, operation, "one", renewed);
        let (old_wallet, old_state) = (file(&wallet), wallet.state_file().unwrap());
        let old = place(&wallet);
        world.seal(now(), &[new], &[old]);
        wallet.sync(&world, &world.key(), now()).unwrap();
        let (new_wallet, new_state) = (file(&wallet), wallet.state_file().unwrap());
        let moments: [(&[u8], &[&[u8]]); 5] = [
            (&old_wallet, &[&old_state]),
            (&old_wallet, &[&old_state, &new_state]),
            (&new_wallet, &[&old_state, &new_state]),
            (&new_wallet, &[&new_state]),
            // A next state that an earlier crash left behind is about another leaf.
            (&new_wallet, &[&new_state, &old_state]),
        ];
        for (moment, (wallet_file, states)) in moments.into_iter().enumerate() {
            let mut read = reopen(wallet_file, states);
            assert_eq!(read.history().len(), 1, "{operation} {moment}");
            let synced = read.sync(&world, &world.key(), now()).unwrap();
            assert_eq!((synced.enrolled, synced.pending), (true, 0), "{operation} {moment}");
            assert_eq!(synced.promoted.is_some(), moment < 2, "{operation} {moment}");
            assert_eq!(leaf(&read), new);
            assert!(account(&mut read, &world, now()).is_ok(), "{operation} {moment}");
        }
        // Without the next state: a reset's old state is for other secrets, and says so.
        let lone = Wallet::open(&new_wallet, &[&old_state], &passphrase());
        if operation == Operation::Reset {
            assert!(matches!(lone, Err(Refusal::FileDamaged(_))));
        } else {
            let mut lone = lone.unwrap();
            let synced = lone.sync(&world, &world.key(), now()).unwrap();
            assert_eq!((synced.enrolled, synced.promoted, synced.pending), (true, None, 0), "{operation}");
        }
    }
}

/// W9: what is fetched beyond the block of the leaf in use is what everybody fetches who waits since the
/// same epoch, whatever is under way, and nothing is fetched twice.
#[test]
fn a_change_under_way_tells_no_more_than_waiting() {
    let mut world = World::empty(74);
    world.seal_others(now().minus(7200), 40_000);
    let mut wallet = world.person(adult());
    world.fetched_tiles();
    wallet.sync(&world, &world.key(), now()).unwrap();
    let own_block = world.fetched_tiles();
    assert_eq!(own_block, [8, 9]);
    let mut others = [Operation::Renew, Operation::Rotate, Operation::Reset].map(|operation| {
        let state = wallet.state_file().unwrap();
        let mut other = reopen(&file(&wallet), &[&state]);
        let renewed = Attributes { expires_on: Some(day("2056-06-01")), ..adult() };
        change(&mut world, &mut other, operation, "one", renewed.clone());
        change(
            &mut world,
            &mut other,
            operation,
            "two",
            Attributes { sex: veilpass_protocol::attributes::Sex::Female, ..renewed },
        );
        other
    });
    world.seal_others(now().minus(30), 70_000);
    let waiting = |from| {
        let newest = world.newest();
        let mut tiles = Tiles::new(&world, newest.epoch, newest.root, newest.places_used, Cover::W9);
        world.fetched_tiles();
        tiles
            .search(&[Wanted {
                leaf: Fr::from(3u64),
                places: Places::Between(from, newest.places_used, None),
            }])
            .unwrap();
        world.fetched_tiles()
    };
    let mut expected = waiting(40_001);
    expected.extend(&own_block);
    expected.sort();
    expected.dedup();
    for other in &mut others {
        assert_eq!(other.sync(&world, &world.key(), now()).unwrap().pending, 2);
        assert_eq!(world.fetched_tiles(), expected);
        other.sync(&world, &world.key(), now()).unwrap();
        let blocks: Vec<u64> = (8..16).chain(24..27).collect();
        assert_eq!(world.fetched_tiles(), blocks, "places are searched once, but for the last block");
    }
}

#[test]
fn codes_that_lead_nowhere_do_not_pile_up() {
    let mut world = World::new(75);
    let mut wallet = world.person(adult());
    let new = change(&mut world, &mut wallet, Operation::Rotate, "good", adult());
    for n in 0..40 {
        wallet.begin(Operation::Reset, code(&format!("bad {n}")), &mut world.rng.clone());
    }
    assert_eq!(wallet.pending().count(), 16);
    world.seal(now(), &[new], &[]);
    assert_eq!(
        wallet.sync(&world, &world.key(), now()).unwrap().promoted,
        Some(Operation::Rotate),
        "what was answered is kept"
    );
}

#[test]
fn no_secret_of_a_candidate_shows() {
    let mut world = World::new(76);
    let mut wallet = world.person(adult());
    change(&mut world, &mut wallet, Operation::Reset, "AB0C", adult());
    let candidate = wallet.state.candidates.first().unwrap();
    let secrets = [to_hex(candidate.k.expose()), to_hex(candidate.d.expose())];
    let state = String::from_utf8_lossy(&wallet.state_file().unwrap()).into_owned();
    let mut plain = String::new();
    candidate.write(&mut plain);
    assert!(secrets.iter().all(|secret| plain.contains(secret)), "the control");
    assert!(
        plain.len() - candidate.credential.as_ref().unwrap().to_json().len()
            <= crate::candidates::Candidate::ROOM
    );
    for text in [state, format!("{:?} {:?}", wallet.state, code("AB0C")), format!("{wallet:?}")] {
        assert!(secrets.iter().all(|secret| !text.contains(secret)));
    }
}

#[test]
fn refused_questions_are_remembered() {
    let mut world = World::new(77);
    let mut wallet = world.person(adult());
    let odd = Ask { rp: "1.2.3.4", ..ask() };
    let channel = from_origin("forum.example");
    for (request, expected) in
        [(ask().predicates(r#"{"valid":true,"sex":"female"}"#), "not_satisfied"), (odd, "request_host")]
    {
        let json = request.json();
        let refusal = wallet.examine(json.as_bytes(), &channel, false, CIRCUIT, now()).unwrap_err();
        assert_eq!(refusal.code(), expected);
        assert!(wallet.remember_refused(json.as_bytes(), &refusal, now()));
    }
    assert!(!wallet.remember_refused(b"{}", &Refusal::RequestSyntax("no".into()), now()));
    let state = wallet.state_file().unwrap();
    let read = reopen(&file(&wallet), &[&state]);
    let told: Vec<(&str, &str)> =
        read.history().iter().map(|entry| (entry.host.as_str(), entry.outcome.as_str())).collect();
    assert_eq!(told, [("forum.example", "not_satisfied"), ("1.2.3.4", "request_host")]);
}

/// W6: where nothing may be sent there is no address.
#[test]
fn answers_have_an_address_only_on_the_askers_host() {
    let channel = |origin: Option<&str>| crate::Channel { origin: origin.map(host), scanned: false };
    let address = |ask: &Ask, origin| crate::answer_address(ask.json().as_bytes(), &channel(origin));
    assert_eq!(address(&ask(), None).as_deref(), Some("https://forum.example/answer"));
    assert_eq!(address(&ask(), Some("forum.example")).as_deref(), Some("https://forum.example/answer"));
    assert_eq!(address(&ask(), Some("shop.example")), None);
    for elsewhere in
        ["https://evil.example/answer", "http://forum.example/", "https://forum.example@evil.example/"]
    {
        assert_eq!(address(&Ask { response_uri: Some(elsewhere), ..ask() }, None), None, "{elsewhere}");
    }
    assert_eq!(crate::answer_address(b"{}", &channel(None)), None);
}

/// The authority goes by the change that its registrar has confirmed, the wallet cannot know whether: both
/// secrets are offered, the newer one first.
#[test]
fn withdrawals_while_a_change_waits() {
    let mut world = World::new(71);
    let mut wallet = world.person(adult());
    let secret = |wallet: &Wallet| -> Vec<Fr> {
        let device = |body: &str| {
            let (_, rest) = body.split_once(r#""device_secret":""#).unwrap();
            let secret = veilpass_protocol::field::from_hex(&rest[..64]).unwrap();
            veilpass_protocol::identity::DeviceSecret::from_fr(secret).unwrap().commitment()
        };
        wallet.withdrawals().iter().map(|(_, body)| device(body)).collect()
    };
    assert_eq!(secret(&wallet), [wallet.device_commitment()]);
    let (_, d) = wallet.begin(Operation::Reset, code("one"), &mut world.rng.clone());
    assert_eq!(secret(&wallet), [wallet.device_commitment()], "an unanswered change counts for nothing");
    change(&mut world, &mut wallet, Operation::Reset, "one", adult());
    assert_eq!(secret(&wallet), [d, wallet.device_commitment()]);
}

/// A credential of somebody else, taken before the authority's key was known, does not stand in the way of
/// one that the authority has given since.
#[test]
fn a_foreign_credential_does_not_hold_up_a_good_one() {
    let mut world = World::new(72);
    let foreign = World::new(73);
    let mut rng = foreign.rng.clone();
    let mut wallet = Wallet::new(&mut rng);
    let own = wallet.begin(Operation::Enrol, code("elsewhere"), &mut rng);
    let number = NetworkNumber::generate(&mut rng);
    let planted = Credential::issue(&foreign.signer, number, own.0, own.1, adult());
    assert_eq!(
        wallet.take(Operation::Enrol, code("elsewhere"), planted.to_json().as_bytes()),
        Ok(Taken::Current)
    );
    let refused = wallet.sync(&world, &world.key(), now()).unwrap_err();
    assert_eq!(refused.code(), "attributes_unexplained");
    let good = change(&mut world, &mut wallet, Operation::Enrol, "here", adult());
    world.seal(now().plus(60), &[good], &[]);
    let synced = wallet.sync(&world, &world.key(), now().plus(60)).unwrap();
    assert!(synced.enrolled);
    assert_eq!(leaf(&wallet), good);
}
