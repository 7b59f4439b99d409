//! The registry from outside: its folder, its store and what it publishes.

mod constraints;
mod erasure;
mod import;
mod killed;
mod measure;
mod people;
mod platform;
mod prof_tmp;
mod publish;
mod registry;
mod seal;
