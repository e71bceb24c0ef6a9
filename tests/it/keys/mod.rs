//! A key is for one provider, and no other one ever sees it: for each pair of providers, by every
//! way on which a gateway goes from one to the other.

mod leaky;
mod oracle;
mod pairs;
mod planted;
mod scene;
