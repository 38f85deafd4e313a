"""What any daily feed shares: streams, paging, rows judged by a contract. It knows no sale."""
