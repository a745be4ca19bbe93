//! What an intruder does with a site he owns.
