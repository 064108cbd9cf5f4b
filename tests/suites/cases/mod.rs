//! What attackers do, each case by the letter and number under which it is known, and those that are folders.

mod control;
mod egress;
mod files;
mod folders;
mod tenancy;
