//! The failover agent: drives the VRRP core against the operating system.
