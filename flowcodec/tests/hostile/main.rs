//! Hostile and broken input, made by hand: what each shape costs, what is said of it, and that its neighbours are unharmed.
#![cfg(test)]

#[macro_use]
mod wire;
mod caps;
mod floods;
mod headers;
mod lists;
mod neighbours;
mod passing;
mod sets;
mod teaching;
mod templates;
