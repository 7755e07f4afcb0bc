//! Information elements as data.
