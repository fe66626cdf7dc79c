//! The text of every error that a program can cause.
