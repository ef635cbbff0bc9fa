//! The table of frames (SPEC 5), and the only place that knows their type bytes.

use core::fmt;

/// The first type that carries a length and is skipped by who does not know it.
pub(super) const FIRST_SKIPPABLE: u64 = 64;

macro_rules! frames {
    ($(
        $type:literal $kind:ident $name:literal $session:literal $asks:literal $least:literal $doc:literal
    ),+ $(,)?) => {
        /// What a frame is, without its contents: for names and counters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FrameKind {
            $(#[doc = $doc] $kind),+
        }

        impl FrameKind {
            /// Every kind, by type.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The kind with this type; `None` if this version does not implement it.
            pub const fn from_type(frame_type: u64) -> Option<Self> {
                match frame_type {
                    $($type => Some(Self::$kind),)+
                    _ => None,
                }
            }

            /// The first byte on the wire.
            pub const fn type_byte(self) -> u8 {
                match self { $(Self::$kind => $type),+ }
            }

            /// The name that the specification uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// Whether it belongs to the session, so that its packet is only acknowledged if it was
            /// kept (SPEC 4.5).
            pub const fn is_session(self) -> bool {
                match self { $(Self::$kind => $session),+ }
            }

            /// Whether it asks for an acknowledgement.
            pub const fn is_ack_eliciting(self) -> bool {
                match self { $(Self::$kind => $asks),+ }
            }

            /// The fewest bytes it takes, with its type.
            pub const fn least_len(self) -> usize {
                match self { $(Self::$kind => $least),+ }
            }
        }
    };
}

frames! {
 // type kind         name             session asks  least
    0  Padding        "PADDING"        false false   1 "Fills space.",
    1  Ping           "PING"           false true    1 "Asks for an acknowledgement.",
    2  Ack            "ACK"            false false   6 "Acknowledges packets of one path.",
    3  AckEcn         "ACK_ECN"        false false   9 "ACK with counts of ECN marks: read as ACK.",
    4  Hello          "HELLO"          false true   34 "Names the sender's half of the session.",
    5  Msgs           "MSGS"           true  true    5 "Whole messages of one channel.",
    6  Frag           "FRAG"           true  true    7 "A part of a message.",
    7  Done           "DONE"           true  true    5 "The application is done with messages.",
    8  Stream         "STREAM"         true  true    4 "Bytes of a stream.",
    9  StreamReset    "STREAM_RESET"   true  true    4 "The writer gave a stream up.",
    10 StreamStop     "STREAM_STOP"    true  true    3 "The reader wants no more of a stream.",
    11 Credit         "CREDIT"         true  true    3 "Permission to send.",
    12 Received       "RECEIVED"       true  true    4 "What the closing side has received.",
    13 Close          "CLOSE"          false true    7 "Ends a session or a connection.",
    14 PathChallenge  "PATH_CHALLENGE" false true    9 "Asks for proof of an address.",
    15 PathResponse   "PATH_RESPONSE"  false true    9 "The proof.",
    16 Ids            "IDS"            false true   26 "Issues a connection id.",
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
