//! The registry from outside: its folder, its store and what it publishes.

mod constraints;
mod erasure;
mod import;
mod killed;
mod measure;
mod people;
mod platform;
mod publish;
mod registry;
mod seal;
