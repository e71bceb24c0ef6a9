//! A key reaches only its own provider: for each pair of providers, on all ways in which a gateway
//! moves from one to the other.

mod leaky;
mod oracle;
mod pairs;
mod planted;
mod scene;
