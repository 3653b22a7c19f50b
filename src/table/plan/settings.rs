//! Changes of the base itself.

use super::Plan;
use crate::model::Row;
use crate::schema::commit::Change;
use crate::table::SettingsRequest;

impl Plan<'_> {
    /// Applies what the request asks for; asking for what is so already changes nothing.
    pub fn change_settings(&mut self, request: &SettingsRequest) {
        let before = self.layer.header.clone();
        let now = self.now;
        let header = &mut self.layer.header;
        if let Some(name) = &request.name {
            header.settings.name = name.clone();
        }
        if let Some(status) = request.new_members {
            header.settings.new_members = status;
        }
        if let Some(shared) = request.share_accounts {
            header.settings.share_accounts = shared;
        }
        if header.settings != before.settings {
            header.updated_at = now;
        }
        match request.deleted {
            Some(true) if header.deleted_at.is_none() => header.deleted_at = Some(now),
            Some(false) => header.deleted_at = None,
            _ => {}
        }
        if *header != before {
            self.note(Row(0), Change::Base, Some(&before.encode()), &[], Vec::new());
        }
    }
}
