//! What attackers do, each case by the letter and number under which it is known.

mod control;
mod egress;
mod files;
mod tenancy;
