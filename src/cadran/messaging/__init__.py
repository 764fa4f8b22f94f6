"""Mail, and later SMS, USSD and fax: what the operator says to its customers in writing."""
