//! Failover in virtual time: the real cores, simulated nodes and faults, seeds.
