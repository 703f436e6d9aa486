//! Load-balancing schedulers.
