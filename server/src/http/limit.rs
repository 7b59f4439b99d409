//! How much one client may ask for. A client is an IPv4 address or an IPv6 network of 64 bits: one who has
//! such a network has all its addresses.

use super::Problem;
use super::accept::Caller;
use axum::http::{HeaderMap, HeaderName};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often clients that rest are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// Set by proxies: who asked them.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Counts requests by client, in memory only.
pub(super) struct Limiter {
    clients: DefaultKeyedRateLimiter<IpAddr>,
    trusted_proxies: Vec<IpAddr>,
}

impl Limiter {
    /// None if there is no limit.
    pub(super) fn new(per_second: u32, burst: u32, trusted_proxies: Vec<IpAddr>) -> Option<Limiter> {
        let quota = Quota::per_second(NonZeroU32::new(per_second)?);
        let quota = quota.allow_burst(NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN));
        let trusted_proxies = trusted_proxies.iter().map(IpAddr::to_canonical).collect();
        Some(Limiter { clients: RateLimiter::dashmap(quota), trusted_proxies })
    }

    /// Counts one request, or says when to come again.
    pub(super) fn admit(&self, caller: &Caller, headers: &HeaderMap) -> Result<(), Problem> {
        let client = client(caller.peer, headers, &self.trusted_proxies);
        self.clients.check_key(&network(client)).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            Problem::rate_limited(wait.as_secs().saturating_add(1))
        })
    }

    /// Forgets clients whose rest is over, until told to stop: what is kept is bounded by the clients of
    /// the last seconds.
    pub(super) async fn forget_idle(&self, mut stopping: watch::Receiver<bool>) {
        let forgetting = async {
            loop {
                sleep(FORGET_EVERY).await;
                self.clients.retain_recent();
                self.clients.shrink_to_fit();
            }
        };
        tokio::select! {
            () = forgetting => {},
            _ = stopping.wait_for(|stop| *stop) => {},
        }
    }
}

/// The peer; behind trusted proxies, whom the last of them saw. The header is read from its end, where
/// our own proxies write: what stands before the first address that is not ours is anybody's claim.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    let mut client = peer;
    let mut lines: Vec<_> = headers.get_all(FORWARDED).iter().collect();
    lines.reverse();
    let claims = lines.into_iter().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for claim in claims {
        if !trusted.contains(&client) {
            return client;
        }
        match address(claim.trim()) {
            Some(address) => client = address,
            // A proxy of ours that writes nonsense: then its own address has to do.
            None => return client,
        }
    }
    client
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    Some(address.or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))?.to_canonical())
}

fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_last_address_that_is_not_ours_is_the_client() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let trusted = [ip("10.0.0.1"), ip("10.0.0.2")];
        for (peer, lines, expected) in [
            ("198.51.100.7", &["203.0.113.9"][..], "198.51.100.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9,10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9:8080"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, "], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.2"], "10.0.0.2"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED, HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(client(ip(peer), &headers, &trusted), ip(expected), "{peer} {lines:?}");
        }
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let net = |text: &str| network(text.parse().unwrap());
        assert_eq!(net("2001:db8:1:2::1"), net("2001:db8:1:2:ffff::9"));
        assert_ne!(net("2001:db8:1:2::1"), net("2001:db8:1:3::1"));
        assert_ne!(net("192.0.2.1"), net("192.0.2.2"));
    }
}
