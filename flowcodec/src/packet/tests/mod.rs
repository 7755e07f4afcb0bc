//! Hand-made frames with their values, every cut of them and of recorded traffic, and an independent parser's opinion.

mod corpus;
mod cuts;
mod frames;
mod layers;
mod tunnels;
