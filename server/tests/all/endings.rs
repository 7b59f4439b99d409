//! Nothing that is under way disappears unheard: the wallet of a change that ended is told by a code when it
//! asks again, and who holds the old device ends nothing (protocol.md, "Enrolment" 6).

use crate::counter::{Counter, Wallet, card};
use crate::people::at;
use veilpass_protocol::epoch::RemovalReason;
use veilpass_protocol::network_number::NetworkNumber;
use veilpass_protocol::operation::Operation;
use veilpass_protocol::operation::Operation::{Enrol, Renew, Reset, Rotate};
use veilpass_server::RegistryError;
use veilpass_server::authority::{Application, Redeemed};

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

fn code<T>(result: Result<T, RegistryError>) -> Result<(), &'static str> {
    result.map(|_| ()).map_err(|e| e.code().unwrap())
}

/// Somebody with a live leaf, and a change that another wallet (at a renewal the same) has redeemed.
struct Begun {
    counter: Counter,
    number: NetworkNumber,
    old: Wallet,
    new: Wallet,
    application: Application,
    redeemed: Redeemed,
}

impl Begun {
    async fn new(seed: u64, operation: Operation) -> Begun {
        let mut counter = Counter::new(seed).await;
        let (old, fresh) = (counter.wallet(), counter.wallet());
        let number = counter.whole(Enrol, &card(1), &old, at(0)).await.unwrap().network_number;
        counter.seal(at(1)).await;
        let new = match operation {
            Renew => old.clone(),
            Rotate => Wallet { d: fresh.d, ..old.clone() },
            _ => fresh,
        };
        let application = counter.file(operation, &card(1), at(2)).await;
        let redeemed = counter.redeem(&application, &new, at(3)).await.unwrap();
        Begun { counter, number, old, new, application, redeemed }
    }

    async fn confirm(&self, now: u64) -> Result<(), &'static str> {
        code(self.counter.confirm(&self.application, &self.redeemed, at(now)).await)
    }

    async fn withdraw(&self, wallet: &Wallet, now: u64) -> Result<(), &'static str> {
        code(self.counter.authority.withdraw(&self.number, &wallet.d, at(now)).await)
    }

    async fn remove(&self, now: u64) -> Result<(), &'static str> {
        code(self.counter.authority.remove(&self.number, RemovalReason::Deceased, at(now)).await)
    }

    /// The same body to `/v1/enrolments`.
    async fn ask(&mut self, now: u64) -> Result<(), &'static str> {
        code(self.counter.redeem(&self.application, &self.new, at(now)).await)
    }
}

/// Whoever stole the device could undo the reset by which its owner locks it out. Before, the withdrawal went
/// through, the reset was gone without a word, and its wallet waited for ever.
#[tokio::test]
async fn the_old_device_ends_no_redeemed_change() {
    for (seed, operation) in [(401, Reset), (402, Rotate)] {
        let mut begun = Begun::new(seed, operation).await;
        let stranger = begun.counter.wallet();
        assert_eq!(begun.withdraw(&begun.old, 4).await, Err("person_pending"), "{operation}");
        assert_eq!(begun.withdraw(&stranger, 4).await, Err("unauthorised"), "who is nobody learns nothing");
        assert_eq!(begun.withdraw(&begun.new, 4).await, Err("unauthorised"), "not confirmed yet");
        assert_eq!(begun.counter.fixture.count("SELECT count(*) FROM pending").await, 0);
        assert_eq!(begun.ask(5).await, Ok(()));
        assert_eq!(begun.confirm(6).await, Ok(()));
        // From the confirmation on the new device is the holder's.
        assert_eq!(begun.withdraw(&begun.old, 7).await, Err("unauthorised"));
        begun.counter.seal(at(8)).await;
        let wait = begun.counter.seal(at(8 + 73 * HOUR)).await.statement;
        assert_eq!(wait.live, 1, "{operation}: the change has taken effect");
    }
}

/// The control: without a change under way the same withdrawal is what it was.
#[tokio::test]
async fn without_a_change_the_device_withdraws() {
    let begun = Begun::new(403, Reset).await;
    let lapsed = 4 + 24 * HOUR;
    assert_eq!(begun.withdraw(&begun.old, 4).await, Err("person_pending"));
    assert_eq!(begun.withdraw(&begun.old, lapsed).await, Ok(()));
    assert_eq!(begun.withdraw(&begun.old, lapsed).await, Err("already_removed"));
}

/// A renewal is the same device's: it may go, and is told what became of the renewal.
#[tokio::test]
async fn a_device_ends_its_own_renewal() {
    let mut begun = Begun::new(404, Renew).await;
    assert_eq!(begun.withdraw(&begun.old, 4).await, Ok(()));
    assert_eq!(begun.ask(5).await, Err("already_removed"));
    assert_eq!(begun.confirm(5).await, Err("not_found"));
    assert_eq!(begun.counter.seal(at(6)).await.statement.live, 0);
    assert_eq!(begun.ask(7).await, Err("already_removed"));
}

/// A registrar's removal ends whatever is under way, in every state of it; the wallet is told at once, after the
/// seal, and after the code's time.
#[tokio::test]
async fn a_removal_is_told_to_the_wallet_of_the_change() {
    for (i, operation) in [Renew, Rotate, Reset].into_iter().enumerate() {
        for (j, state) in ["redeemed", "confirmed", "waiting"].into_iter().enumerate() {
            if state == "waiting" && operation != Reset {
                continue;
            }
            let mut begun = Begun::new(410 + 10 * i as u64 + j as u64, operation).await;
            if state != "redeemed" {
                assert_eq!(begun.confirm(4).await, Ok(()));
            }
            if state == "waiting" {
                begun.counter.seal(at(5)).await;
            }
            assert_eq!(begun.ask(6).await, Ok(()));
            assert_eq!(begun.remove(7).await, Ok(()), "{operation} {state}");
            assert_eq!(begun.ask(8).await, Err("already_removed"), "{operation} {state}");
            assert_eq!(begun.counter.seal(at(9)).await.statement.live, 0);
            for later in [10, 20 * MINUTE, 100 * HOUR] {
                assert_eq!(begun.ask(later).await, Err("already_removed"), "{operation} {state}");
            }
            assert_eq!(begun.counter.seal(at(200 * HOUR)).await.statement.live, 0);
        }
    }
}

/// The new device withdraws its own confirmed change; what it asks afterwards gets the same code.
#[tokio::test]
async fn the_new_device_withdraws_a_confirmed_change() {
    for (seed, operation) in [(440, Reset), (441, Rotate)] {
        let mut begun = Begun::new(seed, operation).await;
        begun.confirm(4).await.unwrap();
        assert_eq!(begun.withdraw(&begun.new, 5).await, Ok(()));
        assert_eq!(begun.ask(6).await, Err("already_removed"));
        assert_eq!(begun.counter.seal(at(7)).await.statement.live, 0);
    }
}

/// What no registrar confirms in a day has expired; what is sealed is used. The two are told apart.
#[tokio::test]
async fn lapsed_and_sealed_are_two_answers() {
    for (seed, operation) in [(450, Renew), (451, Rotate), (452, Reset)] {
        let mut lapsed = Begun::new(seed, operation).await;
        assert_eq!(lapsed.ask(3 + 24 * HOUR - 1).await, Ok(()));
        assert_eq!(lapsed.ask(3 + 24 * HOUR).await, Err("code_expired"), "{operation}");
        assert_eq!(lapsed.confirm(3 + 24 * HOUR).await, Err("not_found"));
        assert_eq!(lapsed.ask(1000 * HOUR).await, Err("code_expired"), "{operation}");

        let mut sealed = Begun::new(seed + 10, operation).await;
        sealed.confirm(4).await.unwrap();
        sealed.counter.seal(at(5)).await;
        sealed.counter.seal(at(5 + 73 * HOUR)).await;
        assert_eq!(sealed.ask(74 * HOUR).await, Err("code_used"), "{operation}");
    }
}

/// An enrolment has no leaf: before the confirmation nobody but time ends it, after it a removal does.
#[tokio::test]
async fn enrolments() {
    let mut counter = Counter::new(470).await;
    let wallet = counter.wallet();
    let application = counter.file(Enrol, &card(1), at(0)).await;
    let redeemed = counter.redeem(&application, &wallet, at(1)).await.unwrap();
    let number = redeemed.credential.network_number;
    let authority = counter.authority.clone();
    assert_eq!(
        code(authority.remove(&number, RemovalReason::Error, at(2)).await),
        Err("network_number_unknown")
    );
    assert_eq!(code(authority.withdraw(&number, &wallet.d, at(2)).await), Err("unauthorised"));
    assert_eq!(code(counter.redeem(&application, &wallet, at(3)).await), Ok(()));
    counter.confirm(&application, &redeemed, at(4)).await.unwrap();
    authority.withdraw(&number, &wallet.d, at(5)).await.unwrap();
    assert_eq!(code(counter.redeem(&application, &wallet, at(6)).await), Err("already_removed"));
    counter.seal(at(7)).await;
    assert_eq!(code(counter.redeem(&application, &wallet, at(8)).await), Err("already_removed"));
}
