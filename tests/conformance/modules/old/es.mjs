export const value = 7; export default "es default";
