// Package webhook reads what commerce platforms tell by webhook: Shopify, Square,
// Adobe Commerce (Magento), commercetools, Dynamics 365 and Amazon's Selling
// Partner API.
//
//	header, body ──Verify──▶ from whom it claims to be
//	     └──────────Format──▶ topic ──▶ message ──▶ drafts ──▶ format.Item
//
// Each vendor is a [Vendor] in [Vendors]: its [format.Format] and the check of its
// signature. A platform's order management speaks as system oms, its tills as pos,
// unless the source says otherwise. What a message says of stock is told apart:
// an absolute count is a snapshot or a count, a change is a delta, and money alone
// moves nothing.
package webhook
