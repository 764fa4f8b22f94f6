"""Identity documents: given by a customer, checked, kept encrypted, reviewed by staff, erased on their day (KRY-4.1-registration)."""
