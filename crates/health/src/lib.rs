//! Server health: rise and fall, administrative and operational state.
