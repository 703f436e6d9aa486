//! Matching a request's host and path to a pool.
