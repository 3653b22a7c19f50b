curl --request PUT \
  --url https://api.onsi.com/v1/members/{id} \
  --header 'Content-Type: application/json' \
  --header 'X-API-KEY: <api-key>' \
  --data '{
  "email": "jane-smith@onsi.com",
  "firstName": "John",
  "lastName": "Smith",
  "phone": "+447123456789",
  "workerId": "ID_123",
  "tier": "Gold",
  "accountDetails": {
    "accountHolder": "John Smith",
    "sortCode": "123456",
    "accountNumber": "12345678"
  },
  "enablePayroll": true
}'
