//! `ExportMembers`: a stream of pages.

use crate::api::grpc::convert::member::ToWire;
use crate::api::grpc::replies::pull::{Ends, Pieces, Pulled, pull};
use crate::api::grpc::v1;
use crate::directory::{Directory, Error, Export, Replies};
use crate::model::BaseNumber;

/// The messages of an export.
pub type Pages = Pulled<v1::ExportMembersResponse>;

/// The pages of `export`, each made when the client asks for it.
pub fn start(directory: Directory, base: BaseNumber, export: Export, replies: Replies, ends: Ends) -> Pages {
    pull(Exported { directory, base, export, is_first: true }, replies, ends)
}

struct Exported {
    directory: Directory,
    base: BaseNumber,
    export: Export,
    is_first: bool,
}

impl Pieces for Exported {
    type Piece = v1::ExportMembersResponse;

    async fn next(&mut self) -> Result<Option<v1::ExportMembersResponse>, Error> {
        while let Some(members) = self.export.next().await? {
            if members.is_empty() && !self.is_first {
                continue;
            }
            self.is_first = false;
            let members = ToWire::new(self.directory.sealer(), self.base).members(members);
            let (start_revision, total) = (self.export.revision, self.export.total.take());
            let left_out = std::mem::take(&mut self.export.left_out);
            let left_out = left_out.iter().map(|field| field.as_str().to_owned()).collect();
            return Ok(Some(v1::ExportMembersResponse { members, start_revision, total, left_out }));
        }
        Ok(None)
    }
}
