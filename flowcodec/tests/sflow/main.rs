//! sFlow version 5 from outside: every layout, every kind of badness, the corpus, `decode(encode(x)) = x`.

#[cfg(test)]
mod badness;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod layouts;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod samples;
