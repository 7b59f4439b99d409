//! The binary held against docs/spec/contract.md, from outside.

mod attacks;
mod audit;
mod audit_circom;
mod bench;
mod binary;
mod demo;
mod export;
mod fake;
mod join;
mod keys;
mod killed;
mod known_values;
mod life;
mod machine;
mod person;
mod prepared;
mod privacy;
mod registrar;
mod serve;
mod server;
mod siege;
mod vectors;
mod wallet_life;
mod wallet_network;
