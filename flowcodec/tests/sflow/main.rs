//! sFlow version 5 from outside: every layout, every kind of badness, the corpus, `decode(encode(x)) = x`; and what
//! the decoder makes of it.

#[cfg(test)]
mod badness;
#[cfg(test)]
mod build;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod events;
#[cfg(test)]
mod heard;
#[cfg(test)]
mod layouts;
#[cfg(test)]
mod model;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sections;
#[cfg(test)]
mod sessions;
