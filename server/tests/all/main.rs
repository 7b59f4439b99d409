//! From outside: the registry with its folder, its store and what it publishes; the authority's service;
//! the HTTP server and client.

mod authority_bodies;
mod authority_harness;
mod authority_keeper;
mod authority_openapi;
mod authority_published;
mod authority_quiet;
mod authority_routes;
mod client;
mod constraints;
mod counter;
mod erasure;
mod http;
mod import;
mod killed;
mod life;
mod logs;
mod measure;
mod pages;
mod people;
mod platform;
mod platform_codes;
mod platform_kit;
mod platform_life;
mod platform_races;
mod platform_routes;
mod platform_waiting;
mod publish;
mod races;
mod registrars;
mod registry;
mod seal;
mod serving;
mod stalled;
#[path = "../../../verifier/tests/all/testkit.rs"]
mod testkit;
mod year;
