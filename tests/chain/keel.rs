//! Keel, played by the stand-in or real.
