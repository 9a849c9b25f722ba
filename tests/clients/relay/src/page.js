// What the compiler of Relay reads: a connection, and fragments that can be fetched anew by `node`.
import { graphql } from 'relay-runtime';

graphql`
  query pageQuery($first: Int!, $id: ID!) {
    ...page_members @arguments(first: $first)
    node(id: $id) {
      ...page_member @alias
    }
  }
`;

graphql`
  fragment page_members on Query
  @refetchable(queryName: "pageMembersQuery")
  @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" }) {
    members(first: $first, after: $after) @connection(key: "page_members") {
      edges {
        node {
          id
          ...page_member
        }
      }
    }
  }
`;

graphql`
  fragment page_member on Member @refetchable(queryName: "pageMemberQuery") {
    name
    standing {
      status
    }
  }
`;
