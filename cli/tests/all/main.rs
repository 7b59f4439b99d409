//! The binary held against docs/spec/contract.md, from outside.

mod attacks;
mod audit;
mod bench;
mod binary;
mod demo;
mod export;
mod fake;
mod full_disk;
mod join;
mod keys;
mod killed;
mod known_values;
mod life;
mod odd_files;
mod outputs;
mod person;
mod prepared;
mod privacy;
mod registrar;
mod serve;
mod server;
mod siege;
mod terminal;
mod vectors;
mod wallet_life;
mod wallet_network;
