//! Numbers of a result that are told in the page, and what they should be.

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
}

/// A number of phxload's result.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// What it is, with its unit.
    pub name: &'static str,
    /// Where it stands in the result (RFC 6901).
    pub pointer: &'static str,
    /// What it is divided by, for another unit.
    pub unit: f64,
    /// What it should be.
    pub goal: Option<Goal>,
}

/// One that is told.
pub const fn figure(name: &'static str, pointer: &'static str) -> Figure {
    Figure {
        name,
        pointer,
        unit: 1.0,
        goal: None,
    }
}

/// One that must not be more.
pub const fn at_most(goal: f64, name: &'static str, pointer: &'static str) -> Figure {
    Figure {
        goal: Some(Goal::AtMost(goal)),
        ..figure(name, pointer)
    }
}

/// One that must not be less.
pub const fn at_least(goal: f64, name: &'static str, pointer: &'static str) -> Figure {
    Figure {
        goal: Some(Goal::AtLeast(goal)),
        ..figure(name, pointer)
    }
}
