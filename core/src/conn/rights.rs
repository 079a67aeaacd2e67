//! What may be asked for on the control socket, and what a request needs.
//! Knows nothing of users or files.

/// What a request needs to be allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Right {
    /// To hear and to look.
    Read,
    /// To publish.
    Write,
    /// To change what is there: end channels, send clients away, give tokens.
    Manage,
    /// To stop the server and to have its configuration read again.
    Order,
}

/// What somebody may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rights {
    /// Nothing: the socket is not for this user.
    None,
    /// Only read.
    Read,
    /// Only publish.
    Write,
    /// Everything but giving orders: the admin side.
    Manage,
    /// Everything.
    All,
}

impl Rights {
    /// Whether this is among them.
    pub fn has(self, right: Right) -> bool {
        match self {
            Self::None => false,
            Self::Read => right == Right::Read,
            Self::Write => right == Right::Write,
            Self::Manage => right != Right::Order,
            Self::All => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_what_its_name_says() {
        let of = |rights: Rights| {
            [Right::Read, Right::Write, Right::Manage, Right::Order].map(|right| rights.has(right))
        };
        assert_eq!(of(Rights::None), [false; 4]);
        assert_eq!(of(Rights::Read), [true, false, false, false]);
        assert_eq!(of(Rights::Write), [false, true, false, false]);
        assert_eq!(of(Rights::Manage), [true, true, true, false]);
        assert_eq!(of(Rights::All), [true; 4]);
    }
}
